import type { SourceRange } from "../diag/diagnostic.ts";
import type { DiagnosticList } from "../diag/diagnostic_list.ts";
import { zonePrefix } from "../infra/check/check_addresses.ts";
import type { Domain, Infra } from "../infra/infra.ts";
import { type Lock, LOCK_FILE, type LockedDomain } from "./addressing.ts";
import { compareAddresses, SEQUENCE, splitSubnet } from "./ipv4.ts";
import { NumberPool } from "./number_pool.ts";

/** The reason why a requested address or subnet is not given. */
export const KEPT = `assigned addresses are kept: ${LOCK_FILE} records them`;

interface Subnets {
  /** From domain to its /24. */
  readonly byDomain: ReadonlyMap<string, string>;
  /** For the next lock, oldest first. */
  readonly freed: readonly string[];
}

/**
 * Gives each domain its /24. A domain keeps its subnet unless its trust level or the form of
 * addressing puts it into another zone, or the file asks for another subnet. A disabled domain
 * keeps its subnet in any case.
 *
 * New domains are served in the order of `domains`.
 */
export function assignSubnets(
  infra: Infra,
  domains: readonly Domain[],
  lock: Lock | undefined,
  diagnostics: DiagnosticList,
): Subnets {
  const locked = new Map(Object.entries(lock?.domains ?? {}));
  const zones = new Zones();
  const byDomain = new Map<string, string>();
  const asking: Wish[] = [];
  const waiting: { domain: Domain; zone: string }[] = [];
  for (const domain of domains) {
    const zone = zonePrefix(infra.global.addressing, domain);
    const wish = wishOf(domain, zone);
    const subnet = locked.get(domain.name)?.subnet;
    if (subnet !== undefined && staysPut(domain, zone, wish, subnet)) {
      const has = splitSubnet(subnet);
      if (zones.of(has.zone).take(has.sequence, domain.name)) {
        byDomain.set(domain.name, subnet);
        continue;
      }
    }
    if (wish === undefined) waiting.push({ domain, zone });
    else asking.push(wish);
  }

  const refused = asking.filter(({ domain, zone, sequence }) => {
    if (!zones.of(zone).take(sequence, domain.name)) return true;
    byDomain.set(domain.name, subnetOf(zone, sequence));
    return false;
  });

  const freed = freedSubnets(lock, locked, new Set(byDomain.values()));
  zones.free(freed);
  for (const { domain, zone } of waiting) {
    const sequence = zones.of(zone).takeNext(domain.name);
    if (sequence === undefined) reportFull(domain, zone, diagnostics);
    else byDomain.set(domain.name, subnetOf(zone, sequence));
  }
  for (const wish of refused) reportTaken(wish, zones.of(wish.zone), diagnostics);
  const used = new Set(byDomain.values());
  return { byDomain, freed: freed.filter((subnet) => !used.has(subnet)) };
}

/** A subnet that infra.yml asks for. */
interface Wish {
  readonly domain: Domain;
  readonly zone: string;
  readonly sequence: number;
  /** The place in the file that asks for it. */
  readonly range: SourceRange;
}

/**
 * Returns `subnet_id`, or else the subnet of the machines' fixed addresses. infra.yml was already
 * checked: it is a subnet of the zone.
 */
function wishOf(domain: Domain, zone: string): Wish | undefined {
  if (domain.subnetId !== undefined) {
    const range = domain.ranges.get("subnet_id") ?? domain.range;
    return { domain, zone, sequence: domain.subnetId, range };
  }
  for (const { ip, range, ranges } of domain.machines) {
    if (ip === undefined) continue;
    return { domain, zone, sequence: splitSubnet(ip).sequence, range: ranges.get("ip") ?? range };
  }
  return undefined;
}

function staysPut(
  domain: Domain,
  zone: string,
  wish: Wish | undefined,
  subnet: string,
): boolean {
  if (!domain.enabled) return true;
  const has = splitSubnet(subnet);
  return has.zone === zone && (wish === undefined || wish.sequence === has.sequence);
}

function subnetOf(zone: string, sequence: number): string {
  return `${zone}.${sequence}.0/24`;
}

/**
 * Returns the subnets of the lock that nobody has kept or asked for. Subnets that become free now
 * come last.
 */
function freedSubnets(
  lock: Lock | undefined,
  locked: ReadonlyMap<string, LockedDomain>,
  used: ReadonlySet<string>,
): string[] {
  const given = [...locked.values()].map(({ subnet }) => subnet).sort(compareAddresses);
  const before = new Set(lock?.freed.subnets ?? []);
  return [...before, ...given.filter((subnet) => !before.has(subnet))]
    .filter((subnet) => !used.has(subnet));
}

/** One pool of third octets per zone, created when it is first needed. */
class Zones {
  readonly #pools = new Map<string, NumberPool>();

  of(zone: string): NumberPool {
    let pool = this.#pools.get(zone);
    if (pool === undefined) {
      pool = new NumberPool(SEQUENCE.first, SEQUENCE.last);
      this.#pools.set(zone, pool);
    }
    return pool;
  }

  free(subnets: readonly string[]): void {
    for (const subnet of subnets) {
      const { zone, sequence } = splitSubnet(subnet);
      this.of(zone).free(sequence);
    }
  }
}

function reportTaken(wish: Wish, pool: NumberPool, diagnostics: DiagnosticList): void {
  const { domain, zone, sequence, range } = wish;
  const subnet = subnetOf(zone, sequence);
  const holder = pool.holderOf(sequence);
  if (holder === undefined) throw new RangeError(`parseInfra() let ${subnet} pass`);
  const free = pool.next();
  const move = `move \`${holder}\` away with a \`subnet_id\` of its own`;
  diagnostics.add({
    code: "SUBNET_TAKEN",
    summary: `\`${domain.name}\` asks for the subnet ${subnet}, which belongs to \`${holder}\``,
    detail: KEPT,
    remedy: free === undefined
      ? move
      : `choose another one (${subnetOf(zone, free)} is free), or ${move}`,
    range,
  });
}

function reportFull(domain: Domain, zone: string, diagnostics: DiagnosticList): void {
  const count = SEQUENCE.last - SEQUENCE.first + 1;
  diagnostics.add({
    code: "ZONE_FULL",
    summary:
      `No subnet is left for \`${domain.name}\`: all ${count} of ${zone}.0.0/16 are assigned`,
    detail:
      `domains of trust level \`${domain.trustLevel}\` share this zone; disabled domains count too`,
    remedy: "remove a domain of this zone, or use another trust level",
    range: domain.ranges.get("trust_level") ?? domain.range,
  });
}

import type { DiagnosticList } from "../diag/diagnostic_list.ts";
import type { Domain, Infra } from "../infra/infra.ts";
import { type Lock, LOCK_FILE, type LockedDomain } from "./addressing.ts";
import { compareAddresses, SEQUENCE, splitSubnet, zoneOf } from "./ipv4.ts";
import { NumberPool } from "./number_pool.ts";

/** Why somebody who asks does not get it. */
export const KEPT = `addresses that were given are kept: ${LOCK_FILE} records them`;

export interface Subnets {
  /** Domain -> its /24. */
  readonly byDomain: ReadonlyMap<string, string>;
  /** For the next lock, oldest first. */
  readonly freed: readonly string[];
}

/**
 * Gives each domain its /24. What a domain has it keeps, unless its trust level or the form of addressing puts it into
 * another zone, or `subnet_id` asks for something else; a disabled domain keeps it whatever the file says.
 *
 * `domains` in the order in which new ones are served.
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
  const moving: { domain: Domain; zone: string }[] = [];

  for (const domain of domains) {
    const zone = zoneOf(infra.global.addressing, domain.trustLevel);
    const subnet = locked.get(domain.name)?.subnet;
    if (subnet !== undefined && staysPut(domain, zone, subnet)) {
      const { zone: ownZone, sequence } = splitSubnet(subnet);
      if (zones.of(ownZone).take(sequence, domain.name)) {
        byDomain.set(domain.name, subnet);
        continue;
      }
    }
    if (zone === undefined) reportZoneOutOfRange(domain, diagnostics);
    else moving.push({ domain, zone });
  }

  const unnumbered: { domain: Domain; zone: string }[] = [];
  const refused: { domain: Domain; zone: string; asked: number }[] = [];
  for (const move of moving) {
    const { domain, zone } = move;
    const asked = domain.subnetId;
    if (asked === undefined) unnumbered.push(move);
    else if (zones.of(zone).take(asked, domain.name)) {
      byDomain.set(domain.name, subnetOf(zone, asked));
    } else refused.push({ domain, zone, asked });
  }

  const freed = freedSubnets(lock, locked, new Set(byDomain.values()));
  zones.free(freed);
  for (const { domain, zone } of unnumbered) {
    const sequence = zones.of(zone).takeNext(domain.name);
    if (sequence === undefined) reportFull(domain, zone, diagnostics);
    else byDomain.set(domain.name, subnetOf(zone, sequence));
  }
  for (const { domain, zone, asked } of refused) {
    reportTaken(domain, subnetOf(zone, asked), zones.of(zone), asked, diagnostics);
  }
  const used = new Set(byDomain.values());
  return { byDomain, freed: freed.filter((subnet) => !used.has(subnet)) };
}

function staysPut(domain: Domain, zone: string | undefined, subnet: string): boolean {
  if (!domain.enabled) return true;
  const has = splitSubnet(subnet);
  return has.zone === zone &&
    (domain.subnetId === undefined || domain.subnetId === has.sequence);
}

function subnetOf(zone: string, sequence: number): string {
  return `${zone}.${sequence}.0/24`;
}

/** Those of the lock that nobody has kept or asked for; what becomes free now is freed last. */
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

/** One pool of third octets per zone, made when it is first needed. */
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

function reportZoneOutOfRange(domain: Domain, diagnostics: DiagnosticList): void {
  diagnostics.add({
    code: "ZONE_OUT_OF_RANGE",
    summary: `The zone of trust level \`${domain.trustLevel}\` has no valid second octet`,
    detail: "zone_base plus the trust level's steps of zone_step is greater than 255",
    remedy: "choose a smaller `zone_base` or `zone_step` under `global.addressing`",
    range: domain.ranges.get("trust_level") ?? domain.range,
  });
}

function reportTaken(
  domain: Domain,
  subnet: string,
  pool: NumberPool,
  asked: number,
  diagnostics: DiagnosticList,
): void {
  const range = domain.ranges.get("subnet_id") ?? domain.range;
  const holder = pool.holderOf(asked);
  const free = pool.next();
  const freeOne = free === undefined ? undefined : `write \`subnet_id: ${free}\`, which is free`;
  if (holder === undefined) {
    diagnostics.add({
      code: "SUBNET_ID_OUT_OF_RANGE",
      summary: `\`${domain.name}\` asks for the subnet ${subnet}, which no domain may have`,
      detail: `subnet_id is ${SEQUENCE.first} to ${SEQUENCE.last}`,
      ...(freeOne === undefined ? {} : { remedy: freeOne }),
      range,
    });
    return;
  }
  const moveHolder = `move \`${holder}\` away with a \`subnet_id\` of its own`;
  diagnostics.add({
    code: "SUBNET_TAKEN",
    summary: `\`${domain.name}\` asks for the subnet ${subnet}, which \`${holder}\` has`,
    detail: KEPT,
    remedy: freeOne === undefined ? moveHolder : `${freeOne}, or ${moveHolder}`,
    range,
  });
}

function reportFull(domain: Domain, zone: string, diagnostics: DiagnosticList): void {
  const count = SEQUENCE.last - SEQUENCE.first + 1;
  diagnostics.add({
    code: "ZONE_FULL",
    summary: `No subnet is left for \`${domain.name}\`: all ${count} of ${zone}.0.0/16 are given`,
    detail: `domains of trust level \`${domain.trustLevel}\` share this zone; disabled ones count`,
    remedy: "remove a domain of this zone, or use another trust level",
    range: domain.ranges.get("trust_level") ?? domain.range,
  });
}

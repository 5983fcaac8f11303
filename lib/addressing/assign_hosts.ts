import type { DiagnosticList } from "../diag/diagnostic_list.ts";
import type { Domain, Machine } from "../infra/infra.ts";
import type { Lock, LockedMachine } from "./addressing.ts";
import { KEPT } from "./assign_subnets.ts";
import { compareAddresses, hostNumber, networkOf, STATIC } from "./ipv4.ts";
import { inNaturalOrder } from "./natural_order.ts";
import { NumberPool } from "./number_pool.ts";

interface Hosts {
  /** From machine to address. */
  readonly byMachine: ReadonlyMap<string, string>;
  /** For the next lock, oldest first. */
  readonly freed: readonly string[];
}

/**
 * Gives each machine an address in its domain's subnet. A machine keeps its address. If its domain
 * moves to another subnet, it keeps the last octet. A machine that moves to another domain counts
 * as new there.
 */
export function assignHosts(
  domains: readonly Domain[],
  subnets: ReadonlyMap<string, string>,
  lock: Lock | undefined,
  diagnostics: DiagnosticList,
): Hosts {
  const locked = new Map(Object.entries(lock?.machines ?? {}));
  const freedBefore = new Set(lock?.freed.addresses ?? []);
  const freed = [
    ...freedBefore,
    ...[...locked.values()].map(({ ip }) => ip).filter((ip) => !freedBefore.has(ip))
      .sort(compareAddresses),
  ];
  const freedByNetwork = Map.groupBy(freed, networkOf);
  const byMachine = new Map<string, string>();
  const networks = new Set<string>();
  for (const domain of domains) {
    const subnet = subnets.get(domain.name);
    if (subnet === undefined) continue;
    const network = networkOf(subnet);
    networks.add(network);
    const given = assignInDomain(
      domain,
      network,
      locked,
      (freedByNetwork.get(network) ?? []).map(hostNumber),
      diagnostics,
    );
    for (const [machine, host] of given) byMachine.set(machine, `${network}.${host}`);
  }
  const used = new Set(byMachine.values());
  return {
    byMachine,
    freed: freed.filter((ip) => networks.has(networkOf(ip)) && !used.has(ip)),
  };
}

function assignInDomain(
  domain: Domain,
  network: string,
  locked: ReadonlyMap<string, LockedMachine>,
  freed: readonly number[],
  diagnostics: DiagnosticList,
): Map<string, number> {
  const pool = new NumberPool(STATIC.first, STATIC.last);
  const given = new Map<string, number>();
  const give = (machine: Machine, number: number | undefined): boolean => {
    if (number === undefined || !pool.take(number, machine.name)) return false;
    given.set(machine.name, number);
    return true;
  };

  const asking: { machine: Machine; ip: string }[] = [];
  const waiting: Machine[] = [];
  for (const machine of inNaturalOrder(domain.machines)) {
    const before = locked.get(machine.name) ?? locked.get(machine.renamedFrom ?? "");
    const kept = before?.domain === domain.name ? hostNumber(before.ip) : undefined;
    const frozen = !domain.enabled && kept !== undefined;
    if (machine.ip === undefined || frozen) {
      if (!give(machine, kept)) waiting.push(machine);
    } else if (machine.ip !== `${network}.${kept}` || !give(machine, kept)) {
      asking.push({ machine, ip: machine.ip });
    }
  }

  const refused: { machine: Machine; ip: string }[] = [];
  for (const { machine, ip } of asking) {
    if (networkOf(ip) !== network) reportOutside(machine, domain, network, ip, diagnostics);
    else if (!give(machine, hostNumber(ip))) refused.push({ machine, ip });
  }

  for (const number of freed) pool.free(number);
  for (const machine of waiting) {
    const number = pool.takeNext(machine.name);
    if (number !== undefined) given.set(machine.name, number);
    else {
      reportFull(machine, domain, network, diagnostics);
      break;
    }
  }
  for (const { machine, ip } of refused) reportTaken(machine, ip, pool, network, diagnostics);
  return given;
}

/**
 * Reports a machine of a disabled domain. Such a domain stays in its subnet, whatever infra.yml
 * asks for.
 */
function reportOutside(
  machine: Machine,
  domain: Domain,
  network: string,
  ip: string,
  diagnostics: DiagnosticList,
): void {
  diagnostics.add({
    code: "ADDRESS_OUTSIDE_SUBNET",
    summary: `${ip} is not in the subnet of \`${domain.name}\`, ${network}.0/24`,
    detail: "a disabled domain keeps its subnet",
    remedy: `write \`ip: ${network}.${hostNumber(ip)}\`, or enable the domain`,
    range: machine.ranges.get("ip") ?? machine.range,
  });
}

function reportTaken(
  machine: Machine,
  ip: string,
  pool: NumberPool,
  network: string,
  diagnostics: DiagnosticList,
): void {
  const holder = pool.holderOf(hostNumber(ip));
  if (holder === undefined) throw new RangeError(`parseInfra() let ${ip} pass`);
  const free = pool.next();
  const move = `give \`${holder}\` an \`ip\` of its own`;
  diagnostics.add({
    code: "ADDRESS_TAKEN",
    summary: `\`${machine.name}\` asks for ${ip}, which belongs to \`${holder}\``,
    detail: KEPT,
    remedy: free === undefined
      ? move
      : `write \`ip: ${network}.${free}\`, which is free, or ${move}`,
    range: machine.ranges.get("ip") ?? machine.range,
  });
}

function reportFull(
  machine: Machine,
  domain: Domain,
  network: string,
  diagnostics: DiagnosticList,
): void {
  diagnostics.add({
    code: "SUBNET_FULL",
    summary: `No address is left for \`${machine.name}\`: \`${domain.name}\` has ` +
      `${domain.machines.length} machines, ${network}.0/24 has room for ${STATIC.last}`,
    remedy: "put some of the machines into another domain",
    range: machine.range,
  });
}

import type { Domain, Machine } from "../infra/infra.ts";
import type { Lock } from "./addressing.ts";
import { bridgeName, hardwareAddress, isWholeBridgeName, portName } from "./interface_names.ts";

/** A machine's NIC, as the host sees it. */
interface Port {
  readonly hwaddr: string;
  readonly hostName: string;
}

/**
 * Returns the bridge of each domain. Bridges in the lock are kept. Domains whose whole name fits
 * are served before those whose name must be shortened.
 */
export function assignBridges(
  domains: readonly Domain[],
  lock: Lock | undefined,
): Map<string, string> {
  const locked = new Map(Object.entries(lock?.domains ?? {}));
  const taken = new Set<string>();
  const bridges = new Map<string, string>();
  for (const { name } of domains) {
    const bridge = locked.get(name)?.bridge;
    if (bridge !== undefined && claim(bridge, taken)) bridges.set(name, bridge);
  }
  const waiting = domains.filter(({ name }) => !bridges.has(name));
  for (const whole of [true, false]) {
    for (const { name } of waiting) {
      if (isWholeBridgeName(name) === whole) bridges.set(name, bridgeName(name, taken));
    }
  }
  return bridges;
}

/**
 * Returns the MAC and port name of each machine. They are kept even if the machine moves to another
 * domain or is renamed.
 */
export function assignPorts(
  infraId: string,
  machines: readonly Machine[],
  lock: Lock | undefined,
): Map<string, Port> {
  const locked = new Map(Object.entries(lock?.machines ?? {}));
  const hwaddrs = new Map<string, string>();
  const hostNames = new Map<string, string>();
  const takenHwaddrs = new Set<string>();
  const takenHostNames = new Set<string>();
  for (const { name, renamedFrom } of machines) {
    const port = locked.get(name) ?? locked.get(renamedFrom ?? "");
    if (port === undefined) continue;
    if (claim(port.hwaddr, takenHwaddrs)) hwaddrs.set(name, port.hwaddr);
    if (claim(port.hostName, takenHostNames)) hostNames.set(name, port.hostName);
  }
  return new Map(machines.map(({ name }) => [name, {
    hwaddr: hwaddrs.get(name) ?? hardwareAddress(infraId, name, takenHwaddrs),
    hostName: hostNames.get(name) ?? portName(infraId, name, takenHostNames),
  }]));
}

function claim(name: string, taken: Set<string>): boolean {
  if (taken.has(name)) return false;
  taken.add(name);
  return true;
}

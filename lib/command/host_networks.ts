import type { HostNetworks } from "../addressing/host_conflicts.ts";
import { parseIpAddresses, parseIpRoutes } from "../addressing/host_networks.ts";
import { runCommand } from "../host/command.ts";
import { findLocalUplinks, type IpObject } from "../nftables/uplink.ts";
import { MARK } from "../resource/mark.ts";
import type { ActualResource } from "../resource/resource.ts";

const TIMEOUT_MS = 10_000;

/** What the host already has. */
export interface Surroundings extends Pick<HostNetworks, "routes" | "interfaces"> {
  /** Bridges and modem links that carry a default route, which makes them outside. */
  readonly localUplinks: readonly string[];
}

/** The host's routes and interfaces, as `ip` tells; no root needed. */
export async function readHostNetworks(signal: AbortSignal): Promise<Surroundings> {
  const ip = async (...args: string[]) =>
    (await runCommand(["ip", "-json", ...args], { signal, timeoutMs: TIMEOUT_MS })).stdout;
  const [routes4, routes6, addresses] = await Promise.all([
    ip("-4", "route", "show", "table", "all"),
    ip("-6", "route", "show", "table", "all"),
    ip("-details", "address", "show"),
  ]);
  const objects = (json: string) => json.trim() === "" ? [] : JSON.parse(json) as IpObject[];
  return {
    routes: [...parseIpRoutes(routes4), ...parseIpRoutes(routes6)],
    interfaces: parseIpAddresses(addresses),
    localUplinks: findLocalUplinks(
      [...objects(routes4), ...objects(routes6)],
      objects(addresses),
    ),
  };
}

/** Bridges that are this infra's, and those of other infras by whose they are. What stands in for one has no interface to wall off. */
export function bridgeOwners(
  infraId: string,
  resources: readonly ActualResource[],
): { ownedBridges: Set<string>; otherInfras: Map<string, string> } {
  const ownedBridges = new Set<string>();
  const otherInfras = new Map<string, string>();
  for (const { kind, addr, config } of resources) {
    const owner = config[MARK.infra];
    if (kind !== "network" || owner === undefined || owner === "" || MARK.standIn in config) {
      continue;
    }
    if (owner === infraId) ownedBridges.add(addr.name);
    else otherInfras.set(addr.name, config[MARK.project] ?? "?");
  }
  return { ownedBridges, otherInfras };
}

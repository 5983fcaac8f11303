import type { HostNetworks } from "../addressing/host_conflicts.ts";
import { parseIpAddresses, parseIpRoutes } from "../addressing/host_networks.ts";
import { runCommand } from "../host/command.ts";
import type { IncusState } from "../plan/actual_state.ts";
import { MARK } from "../resource/mark.ts";

const TIMEOUT_MS = 10_000;

/** The host's routes and interfaces, as `ip` tells; no root needed. */
export async function readHostNetworks(
  signal: AbortSignal,
): Promise<Pick<HostNetworks, "routes" | "interfaces">> {
  const ip = async (...args: string[]) =>
    (await runCommand(["ip", "-json", ...args], { signal, timeoutMs: TIMEOUT_MS })).stdout;
  const [routes4, routes6, addresses] = await Promise.all([
    ip("-4", "route", "show", "table", "all"),
    ip("-6", "route", "show", "table", "all"),
    ip("address", "show"),
  ]);
  return {
    routes: [...parseIpRoutes(routes4), ...parseIpRoutes(routes6)],
    interfaces: parseIpAddresses(addresses),
  };
}

/** Bridges that are this infra's, and those of other infras by whose they are. */
export function bridgeOwners(
  infraId: string,
  state: IncusState,
): { ownedBridges: Set<string>; otherInfras: Map<string, string> } {
  const ownedBridges = new Set<string>();
  const otherInfras = new Map<string, string>();
  for (const { kind, addr, config } of state.resources) {
    const owner = config[MARK.infra];
    if (kind !== "network" || owner === undefined || owner === "") continue;
    if (owner === infraId) ownedBridges.add(addr.name);
    else otherInfras.set(addr.name, config[MARK.project] ?? "?");
  }
  return { ownedBridges, otherInfras };
}

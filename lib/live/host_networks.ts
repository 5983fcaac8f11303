import type { Infra } from "../infra/infra.ts";
import { isLocalInterface } from "../nftables/local_interface.ts";
import type { Surface } from "../nftables/publish_conflict.ts";
import type { HostNetworks } from "../addressing/host_networks.ts";
import { parseIpAddresses, parseIpRouting } from "../addressing/host_networks.ts";
import { ipObjects } from "../addressing/ip_json.ts";
import { CommandError, PATIENCE_MS, runCommand } from "../host/command.ts";
import { findLocalUplinks, type IpObject } from "../nftables/uplink.ts";
import { MARK } from "../resource/mark.ts";
import type { ActualResource } from "../resource/resource.ts";

/** The networks that the host already has. */
export interface SeenNetworks extends Pick<HostNetworks, "routing" | "interfaces"> {
  /** Bridges and modem links with a default route: they count as outside. */
  readonly localUplinks: readonly string[];
  /**
   * Addresses that answer DNS and DHCP requests: `10.120.3.254:53`, `0.0.0.0%net-pro:67`,
   * `[::]%net-pro:547`. undefined: they could not be read.
   */
  readonly listeners?: readonly string[] | undefined;
}

/**
 * Reads the host's routes, rules, interfaces and name servers with `ip` and `ss`; needs no root.
 */
export async function readHostNetworks(signal?: AbortSignal): Promise<SeenNetworks> {
  const [ipv4, ipv6, addresses, listeners] = await Promise.all([
    readRouting("-4", signal),
    readRouting("-6", signal),
    readAddresses(signal),
    readListeners(signal),
  ]);
  const routes = [ipv4, ipv6].flatMap((json) => ipObjects(json, "ip -json route") as IpObject[]);
  return {
    routing: { ipv4: parseIpRouting(ipv4), ipv6: parseIpRouting(ipv6) },
    interfaces: parseIpAddresses(addresses),
    localUplinks: findLocalUplinks(routes, ipObjects(addresses, "ip -json address") as IpObject[]),
    listeners,
  };
}

/**
 * Reads routes and rules in one call. Without IPv6 in the kernel there are none, and `ip` exits
 * with 1.
 */
export async function readRouting(
  family: "-4" | "-6",
  signal: AbortSignal | undefined,
): Promise<string> {
  const { stdout } = await runCommand(["ip", family, "-json", "-force", "-batch", "-"], {
    signal,
    timeoutMs: PATIENCE_MS,
    stdin: "route show table all\nrule show\n",
    okCodes: family === "-4" ? [0] : [0, 1],
  });
  return stdout;
}

/** Reads the interfaces with their addresses and kinds. */
export async function readAddresses(signal: AbortSignal | undefined): Promise<string> {
  const options = { signal, timeoutMs: PATIENCE_MS };
  return (await runCommand(["ip", "-json", "-details", "address", "show"], options)).stdout;
}

/** Returns the sockets of name servers; undefined if `ss` does not report them. */
async function readListeners(signal: AbortSignal | undefined): Promise<string[] | undefined> {
  const ports = "( sport = :53 or sport = :67 or sport = :547 )";
  try {
    const { stdout } = await runCommand(["ss", "-Hlnu", ports], { signal, timeoutMs: PATIENCE_MS });
    return stdout.split("\n").flatMap((line) => line.trim().split(/\s+/)[3] ?? []);
  } catch (error) {
    if (!(error instanceof CommandError) || error.reason === "interrupted") throw error;
    return undefined;
  }
}

/** Returns the interfaces by which an outsider reaches the services that listen on the host. */
export function surfaceOf(
  { interfaces, localUplinks }: SeenNetworks,
  { global: { outside = [] } }: Infra,
): Surface {
  const ways = new Set([...localUplinks, ...outside]);
  const local = interfaces.filter(({ name, kind = "" }) =>
    isLocalInterface(name, kind) && !ways.has(name)
  );
  return { interfaces, local: new Set(local.map(({ name }) => name)) };
}

/**
 * Returns the bridges of this infra, and those of other infras with their project's name. A
 * stand-in network has no interface to wall off, so it is left out.
 */
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

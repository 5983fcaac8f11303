import { runCommand } from "../host/command.ts";
import type { NftOptions } from "./run_nft.ts";

/**
 * Bridges that carry a default route of the main table, IPv4 or IPv6: a server's `br0` is outside, Docker's bridge is
 * not. Works without root. Sorted.
 */
export async function readUplinkBridges(options: NftOptions = {}): Promise<string[]> {
  const [routes4, routes6, links] = await Promise.all([
    runIp(["-4", "route", "show", "default"], options),
    runIp(["-6", "route", "show", "default"], options),
    runIp(["link", "show", "type", "bridge"], options),
  ]);
  const bridges = new Set(links.map((link) => link.ifname));
  const ways = [...routes4, ...routes6].flatMap((route) => [
    route.dev,
    ...(route.nexthops ?? []).map((hop) => hop.dev),
  ]);
  return [...new Set(ways.filter((way) => way !== undefined && bridges.has(way)))]
    .filter((way) => way !== undefined)
    .toSorted();
}

/** What of `ip -json`'s objects is read; a route by several ways has `nexthops` instead of `dev`. */
interface IpObject {
  readonly ifname?: string;
  readonly dev?: string;
  readonly nexthops?: readonly { readonly dev?: string }[];
}

async function runIp(args: readonly string[], { signal }: NftOptions): Promise<IpObject[]> {
  const { stdout } = await runCommand(["ip", "-json", ...args], { signal, timeoutMs: 10_000 });
  // ip prints nothing at all, or `[]`, where there is nothing.
  return stdout.trim() === "" ? [] : (JSON.parse(stdout) as IpObject[]);
}

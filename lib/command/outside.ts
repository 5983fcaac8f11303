import type { Addressing } from "../addressing/addressing.ts";
import { runCommand } from "../host/command.ts";
import type { Infra } from "../infra/infra.ts";
import { parseIpv4 } from "../infra/ip.ts";
import { LOCAL_KINDS } from "../nftables/render_ruleset.ts";
import { readUplinkBridges } from "../nftables/uplink.ts";
import type { OutsidePlace } from "../verify/probe.ts";
import { readHostNetworks } from "./host_networks.ts";

/** Documentation addresses (RFC 5737, 3849): whoever is behind the uplink drops them, and nobody is disturbed. */
const PUBLIC = ["203.0.113.10", "2001:db8::10"];
/** Private ones that few use; the first that the host would send out by its default route. */
const PRIVATE = ["192.168.77.10", "172.31.254.250", "10.255.254.250"];
/** Addresses of the host that are tried from every machine. */
const MOST_ADDRESSES = 4;

interface Route {
  readonly dev?: string;
  readonly gateway?: string;
}

/** What of the host's surroundings there is to be probed; needs no root. */
export async function readOutside(
  infra: Infra,
  addressing: Addressing,
  signal: AbortSignal,
): Promise<{ outside: OutsidePlace[]; hostAddresses: string[] }> {
  const [{ interfaces }, uplinkBridges, ...routes] = await Promise.all([
    readHostNetworks(signal),
    readUplinkBridges({ signal }),
    ...[...PUBLIC, ...PRIVATE].map((address) => routeTo(address, signal)),
  ]);
  const bridges = new Set([...addressing.domains.values()].map(({ bridge }) => bridge));
  const hostAddresses = interfaces.filter(({ name }) => name !== "lo" && !bridges.has(name))
    .flatMap(({ addresses }) => addresses.map((each) => each.split("/")[0] ?? ""))
    .filter((each) => !each.startsWith("fe80"));
  const isOutside = async (name: string) => {
    if (infra.global.outside !== undefined) return infra.global.outside.includes(name);
    if (uplinkBridges.includes(name)) return true;
    return !LOCAL_KINDS.includes(await kindOf(name, signal));
  };
  const places = await Promise.all(
    [...PUBLIC, ...PRIVATE].map(async (address, i): Promise<OutsidePlace | undefined> => {
      const route = routes[i];
      // On a network of the host's own it would be a neighbour, not the outside.
      if (route?.dev === undefined || route.gateway === undefined) return undefined;
      const isPrivate = i >= PUBLIC.length;
      return {
        kind: "outside",
        address,
        private: isPrivate,
        interface: route.dev,
        isOutside: await isOutside(route.dev),
      };
    }),
  );
  const found = places.filter((each) => each !== undefined);
  const outside = [
    ...found.filter((each) => !each.private),
    ...found.filter((each) => each.private).slice(0, 1),
  ];
  const four = hostAddresses.filter((each) => parseIpv4(each) !== undefined);
  const six = hostAddresses.filter((each) => each.includes(":"));
  return {
    outside,
    hostAddresses: [...four.slice(0, MOST_ADDRESSES), ...six.slice(0, MOST_ADDRESSES)],
  };
}

async function routeTo(address: string, signal: AbortSignal): Promise<Route | undefined> {
  // No route at all is an answer: status 2.
  const { stdout } = await runCommand(["ip", "-json", "route", "get", address], {
    signal,
    timeoutMs: 10_000,
    okCodes: [0, 1, 2],
  });
  return stdout.trim() === "" ? undefined : (JSON.parse(stdout) as Route[])[0];
}

async function kindOf(name: string, signal: AbortSignal): Promise<string> {
  const { stdout } = await runCommand(["ip", "-json", "-details", "link", "show", name], {
    signal,
    timeoutMs: 10_000,
  });
  const [link] = JSON.parse(stdout) as { linkinfo?: { info_kind?: string } }[];
  return link?.linkinfo?.info_kind ?? "";
}

import type { Addressing } from "../../addressing/addressing.ts";
import type { HostInterface } from "../../addressing/host_networks.ts";
import { PATIENCE_MS, runCommand } from "../../host/command.ts";
import type { Infra } from "../../infra/infra.ts";
import { parseCidr } from "../../infra/ip.ts";
import { PRIVATE_RANGES } from "../../nftables/inet_table.ts";
import { isLocalInterface } from "../../nftables/local_interface.ts";
import type { OutsidePlace } from "../../verify/probe.ts";
import type { ActualResource } from "../../resource/resource.ts";
import { bridgeOwners, readHostNetworks } from "../../live/host_networks.ts";
import { routeTo } from "./route.ts";

/**
 * Documentation addresses (RFC 5737, 3849): routers behind the uplink drop them, so they disturb
 * nobody.
 */
const PUBLIC = ["203.0.113.10", "2001:db8::10"];
/**
 * Rarely used private addresses; the first that the host sends out by its default route is used.
 */
const PRIVATE = ["192.168.77.10", "172.31.254.250", "10.255.254.250"];
/** Most addresses of the host, per IP version, that every machine tries to reach. */
const MOST_ADDRESSES = 4;

/** The parts of the host beside the domains. */
export interface TraceSurroundings {
  readonly interfaces: readonly HostInterface[];
  /** Addresses of the host, without the domains' gateways. */
  readonly hostAddresses: readonly string[];
  /** Gateways of other infras' domains, with their owner: `beside/net-lab`. */
  readonly otherGateways: readonly { readonly address: string; readonly of: string }[];
  /** Addresses beyond the host's own networks, to be tried. */
  readonly outside: readonly OutsidePlace[];
  /** Returns the place of an address outside the infra, by the host's routes. */
  placeOf(address: string): Promise<OutsidePlace>;
  /** Returns true if an interface counts as the outside. */
  isOutside(name: string): Promise<boolean>;
  /**
   * Returns the kernel's kind of an interface: `bridge`, `veth`, `wireguard`; empty for a network
   * card.
   */
  kindOf(name: string, signal: AbortSignal): Promise<string>;
}

/** Reads what the probes and questions need about the host's surroundings; needs no root. */
export async function readSurroundings(
  infra: Infra,
  addressing: Addressing,
  resources: readonly ActualResource[],
  signal: AbortSignal,
): Promise<TraceSurroundings> {
  const { interfaces, localUplinks } = await readHostNetworks(signal);
  const { otherInfras } = bridgeOwners(addressing.infraId, resources);
  const bridges = new Set([...addressing.domains.values()].map(({ bridge }) => bridge));
  const addressesOf = ({ addresses }: HostInterface) =>
    addresses.map((each) => each.split("/")[0] ?? "").filter((each) => !each.startsWith("fe80"));
  const hostAddresses = interfaces.filter(({ name }) =>
    name !== "lo" && !bridges.has(name) && !otherInfras.has(name)
  ).flatMap(addressesOf);
  const otherGateways = interfaces.flatMap((each) => {
    const project = otherInfras.get(each.name);
    if (project === undefined) return [];
    return addressesOf(each).map((address) => ({ address, of: `${project}/${each.name}` }));
  });
  const isOutside = async (name: string) => {
    if (infra.global.outside !== undefined) return infra.global.outside.includes(name);
    if (localUplinks.includes(name)) return true;
    return !isLocalInterface(name, await kindOf(name, signal));
  };
  const onOwnNetwork = (name: string, address: string) =>
    interfaces.some((each) =>
      each.name === name && each.addresses.some((own) => holds(own, address))
    );
  const placeOf = async (address: string): Promise<OutsidePlace & { readonly routed: boolean }> => {
    const route = await routeTo(address, { signal });
    const name = route.dev ?? "";
    const ways = await waysOf(infra, addressing, address, signal);
    return {
      kind: "outside",
      address,
      private: isPrivate(address),
      interface: name,
      isOutside: name !== "" && await isOutside(name),
      ...(ways.size > 0 ? { ways } : {}),
      // An address in one of the host's own networks is a neighbour; a modem's link or a tunnel has
      // no gateway.
      routed: route.gateway !== undefined || (name !== "" && !onOwnNetwork(name, address)),
    };
  };
  const [publics, privates] = await Promise.all([PUBLIC, PRIVATE].map(async (addresses) => {
    const places = await Promise.all(addresses.map(placeOf));
    return places.filter(({ routed }) => routed).map(({ routed: _, ...place }) => place);
  }));
  const four = hostAddresses.filter((each) => !each.includes(":"));
  const six = hostAddresses.filter((each) => each.includes(":"));
  return {
    interfaces,
    hostAddresses: [...four.slice(0, MOST_ADDRESSES), ...six.slice(0, MOST_ADDRESSES)],
    otherGateways: otherGateways.slice(0, MOST_ADDRESSES),
    outside: [...publics ?? [], ...privates?.slice(0, 1) ?? []],
    placeOf,
    isOutside,
    kindOf,
  };
}

/**
 * Returns the interface by which the packets of each domain behind a tunnel leave for an address: a
 * rule such as `ip rule add iif net-lab lookup 77` may send them another way than the host's own.
 */
async function waysOf(
  { domains }: Infra,
  { machines, domains: addresses }: Addressing,
  address: string,
  signal: AbortSignal,
): Promise<Map<string, string>> {
  const ways = new Map<string, string>();
  for (const { name, internet, machines: [first] } of domains) {
    if (internet.kind !== "via" || first === undefined) continue;
    const [own, bridge] = [machines.get(first.name), addresses.get(name)?.bridge];
    const from = address.includes(":") ? own?.ipv6 : own?.ip;
    if (from === undefined || bridge === undefined) continue;
    // Without an answer (forwarding is off, the bridge is missing) the host's own way counts.
    const { dev } = await routeTo(address, { from, iif: bridge, signal });
    if (dev !== undefined) ways.set(name, dev);
  }
  return ways;
}

/** True if `public-only` blocks the address. */
function isPrivate(address: string): boolean {
  return PRIVATE_RANGES.some((range) => holds(range, address));
}

/** True if `address` is in the network of an interface's own address (`10.8.0.2/24`). */
function holds(own: string, address: string): boolean {
  const [network, one] = [parseCidr(own), parseCidr(address)];
  return network !== undefined && one?.version === network.version &&
    network.first <= one.first && one.last <= network.last;
}

async function kindOf(name: string, signal: AbortSignal): Promise<string> {
  const { stdout } = await runCommand(["ip", "-json", "-details", "link", "show", name], {
    signal,
    timeoutMs: PATIENCE_MS,
  });
  const [link] = JSON.parse(stdout) as { linkinfo?: { info_kind?: string } }[];
  return link?.linkinfo?.info_kind ?? "";
}

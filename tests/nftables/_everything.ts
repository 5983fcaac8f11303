import { ulaOf } from "../../lib/addressing/ula.ts";
import { buildInfra, type BuiltInfra, INFRA_ID, type InfraSpec } from "./_infra.ts";
import { Lab } from "./_lab.ts";
import type { LiveBridges } from "../../lib/nftables/ruleset.ts";

/**
 * A bridge that was removed from infra.yml, and the network of the machines `gone-a` and `gone-b`
 * on it.
 */
const ORPHAN = "net-gone";
export const ORPHAN_NETWORK = "10.120.9";
export const GONE_B = `${ORPHAN_NETWORK}.2`;

/** A former network of a domain, whose bridge is gone. */
export const FORMER = "10.120.8";

const ulaNetwork = (network: string) =>
  ulaOf(INFRA_ID, `${network}.0/24`).subnet.replace("::/64", "");
/** The first 64 bits of the same two networks. */
const ORPHAN_NETWORK6 = ulaNetwork(ORPHAN_NETWORK);
export const FORMER6 = ulaNetwork(FORMER);
export const GONE_B6 = `${ORPHAN_NETWORK6}::2`;

/** An infra with each form of each element, so that no set of its ruleset is empty. */
const EVERYTHING: InfraSpec = {
  ipv6: true,
  freed: [`${ORPHAN_NETWORK}.0/24`, `${FORMER}.0/24`],
  domains: [
    { name: "pro", internet: { kind: "full" }, machines: ["evil", "victim"] },
    {
      name: "far",
      machines: ["server", {
        name: "web",
        publish: [
          { host: 2207, to: 22, protocol: "tcp" },
          { host: 1053, to: 53, protocol: "udp" },
          {
            host: 41999,
            to: 999,
            protocol: "udp",
          },
        ],
      }],
    },
    { name: "shop", internet: { kind: "public-only" }, machines: ["till", "till-b"] },
    { name: "vpn", internet: { kind: "via", interfaces: ["tun0"] }, machines: ["vpn-a", "vpn-b"] },
  ],
  policies: [
    { from: "victim", to: "server", ports: [53], protocol: "udp" },
    { from: "pro", to: "server", ports: [631] },
    { from: "shop", to: "vpn", bidirectional: true },
    { from: "till", to: "host", ports: [22] },
    { from: "till", to: "host", ports: [123], protocol: "udp" },
    { from: "vpn-a", to: "host" },
    { from: "server", to: "host", ports: [631] },
    { from: "victim", to: "host", ports: [443] },
    { from: "outside", to: "web", ports: [443] },
    { from: "outside", to: "server", ports: [123], protocol: "udp" },
    { from: "outside", to: "vpn-a" },
    { from: "server", to: "outside", ports: [53], protocol: "udp" },
    { from: "server", to: "outside", ports: [80] },
    { from: "vpn-a", to: "outside" },
    { from: "172.17.0.0/16", to: "web", ports: [80] },
    { from: "server", to: "172.17.0.2/32", ports: [22] },
    { from: "server", to: "10.88.0.0/16", ports: [22] },
  ],
};

export const everything: BuiltInfra = buildInfra(EVERYTHING);

/**
 * Switches and tunnels of the host without a kind, and the first three bytes of their addresses.
 */
export const KINDLESS = [
  ["vboxnet0", "10.88.0"],
  ["vmnet8", "10.88.8"],
  ["l2tpeth0", "10.88.9"],
] as const;

/** Public addresses on a bridge of the host that is not ours. */
const PUBLIC_NETWORK = "203.0.115";
export const PUBLIC_DOCKER = `${PUBLIC_NETWORK}.2`;

/** The host of the lab, besides the infra. */
export const everythingLive: LiveBridges = {
  localUplinks: ["br0"],
  orphanBridges: [ORPHAN],
  interfaces: [
    { name: ORPHAN, addresses: [`${ORPHAN_NETWORK}.254/24`, `${ORPHAN_NETWORK6}::254/64`] },
    { name: "docker0", addresses: ["172.17.0.1/16"] },
  ],
};

/** Starts a lab with all that the checks need; the rules are not loaded. */
export async function startEverything(): Promise<Lab> {
  const lab = await Lab.start(everything);
  await lab.host.ask("tun", { interface: "tun0" });
  await lab.host.ip(
    "address add 10.99.0.1/24 dev tun0",
    "address add fd99::1/64 dev tun0 nodad",
    "link set tun0 up",
  );
  await lab.host.ip("route add default via 2001:db8::10");
  // Port 41999 is published to a machine that refuses it. The host accepts it, so that a packet
  // that stays here can be told apart.
  await lab.host.ask("serve", { udp: [["::", 547], ["0.0.0.0", 41999], ["::", 41999]] });
  await lab.brNetfilter(true);
  for (const [iface, network] of KINDLESS) await lab.neighbour(iface, network);
  await lab.host.ip(
    `link add ${ORPHAN} type bridge`,
    `address add ${ORPHAN_NETWORK}.254/24 dev ${ORPHAN}`,
    `address add ${ORPHAN_NETWORK6}::254/64 dev ${ORPHAN} nodad`,
    `link set ${ORPHAN} up`,
  );
  await lab.guest("gone-a", ORPHAN, `${ORPHAN_NETWORK}.1`, `${ORPHAN_NETWORK}.254`);
  await lab.guest("gone-b", ORPHAN, GONE_B, `${ORPHAN_NETWORK}.254`);
  await lab.agent("gone-a").ip(`address add ${ORPHAN_NETWORK6}::1/64 dev eth0 nodad`);
  await lab.agent("gone-b").ip(`address add ${GONE_B6}/64 dev eth0 nodad`);
  await lab.host.ip(`address add ${PUBLIC_NETWORK}.1/24 dev docker0`);
  await lab.agent("docker").ip(`address add ${PUBLIC_DOCKER}/24 dev eth0`);
  return lab;
}

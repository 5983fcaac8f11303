/**
 * Addresses of a domain in packets that do not come from its machines: from outside, and from a
 * foreign port.
 */
import { port, type Probe, surprises } from "./_arrivals.ts";
import {
  ALL_NODES,
  ALL_NODES_MAC,
  arp,
  BROADCAST,
  bytes,
  ethernet,
  ipFrame,
  newMark,
  UDP,
  udp,
  udp6,
} from "./_frames.ts";
import { HOST, type Lab, OUTSIDE, type Pair } from "./_lab.ts";

const NOBODY = "192.0.2.9", NOBODY_TOO = "192.0.2.1", NOBODY6 = "2001:db8:9::9";
const STRANGER_MAC = "02:00:00:00:00:55";

/** Returns a datagram, IPv4 or IPv6 by its addresses. */
function datagram(from: string, to: string, mark: Uint8Array): Uint8Array {
  return from.includes(":") ? udp6(from, to, 4000, 123, mark) : udp(4000, 123, mark);
}

/** Returns free addresses of each domain. */
function free(lab: Lab): [domain: string, addresses: Pair][] {
  return [...lab.built.addressing.domains.values()].map(({ domain, subnet, ipv6 }) => [
    domain,
    [subnet.replace(".0/24", ".77"), ipv6!.subnet.replace("::/64", "::77")],
  ]);
}

/**
 * Tests a packet from outside with a domain's source address, to a port that is open to the
 * outside.
 */
async function fromOutside(lab: Lab): Promise<string[]> {
  const outside = lab.agent("outside");
  const macs = { to: await lab.host.mac("wan0"), from: await outside.mac() };
  const probes = free(lab).flatMap(([domain, sources]) => {
    const target = domain === "far" ? "vpn-a" : "server";
    return sources.map((source, i): Probe => {
      const to = lab.addresses(target)[i]!;
      const mark = newMark();
      return {
        name: `${source} from the outside`,
        from: port(outside),
        to: port(lab.agent(target)),
        frame: ipFrame(macs, source, to, UDP, datagram(source, to, mark)),
        trace: mark.toHex(),
        passes: false,
      };
    });
  });
  return await surprises(probes);
}

/** Connects a foreign port to the bridge of `pro`, by hand; `stranger1` is its other end. */
async function plugStranger(lab: Lab): Promise<void> {
  if ((await lab.host.run("ip", "-br", "link")).includes("stranger0")) return;
  await lab.host.ip(
    "link add stranger0 type veth peer name stranger1",
    "link set stranger0 master net-pro",
    "link set stranger0 up",
    // Its other end is on the host: it answers nothing there.
    "link set stranger1 arp off up",
  );
}

/** Tests which frames of such a port arrive. */
export async function fromStranger(lab: Lab): Promise<string[]> {
  await plugStranger(lab);
  const stranger = port(lab.host, "stranger1"), bridge = port(lab.host, "net-pro");
  const evil = port(lab.agent("evil"));
  const router = await lab.host.mac("net-pro");
  const [evilMac, [evilAddress, evilAddress6]] = [await evil.agent.mac(), lab.addresses("evil")];
  const probe = (
    name: string,
    frame: (mark: Uint8Array) => Uint8Array,
    to = bridge,
    from = stranger,
  ): Probe => {
    const mark = newMark();
    return { name, from, to, frame: frame(mark), trace: mark.toHex(), passes: false };
  };
  const toAll = { to: BROADCAST, from: STRANGER_MAC };
  const packet = (
    macs: { to: string; from: string },
    from: string,
    to: string,
  ) =>
  (mark: Uint8Array) => ipFrame(macs, from, to, UDP, datagram(from, to, mark));
  return [
    ...await surprises([
      ...[...lab.built.addressing.machines.values()].map(({ machine, hwaddr }) =>
        probe(
          `the MAC of ${machine} from a stranger`,
          packet({ to: BROADCAST, from: hwaddr }, NOBODY, NOBODY_TOO),
        )
      ),
      ...free(lab).flatMap(([domain, [address, address6]]) => [
        probe(`an address of ${domain} from a stranger`, packet(toAll, address, NOBODY_TOO)),
        probe(`ARP of ${domain} from a stranger`, (mark) => {
          const sender = { senderMac: STRANGER_MAC, sender: address };
          const question = arp({ operation: 1, ...sender, target: NOBODY_TOO });
          return ethernet(BROADCAST, STRANGER_MAC, 0x0806, bytes(question, mark));
        }),
        probe(
          `IPv6 of ${domain} from a stranger`,
          packet({ to: ALL_NODES_MAC, from: STRANGER_MAC }, address6, ALL_NODES),
        ),
      ]),
      // With a foreign address, which the bridge accepts for the host.
      probe(
        "a stranger's packet outside",
        packet({ to: router, from: STRANGER_MAC }, NOBODY, OUTSIDE),
        port(lab.agent("outside")),
      ),
      // Between a foreign machine and ours nothing passes, in either direction, nor through the
      // host.
      ...[[NOBODY, evilAddress] as const, [NOBODY6, evilAddress6] as const].map((
        [source, target],
      ) =>
        probe(
          `a stranger's packet to ${target} by way of the host`,
          packet({ to: router, from: STRANGER_MAC }, source, target),
          evil,
        )
      ),
      probe(
        "a stranger's packet at evil",
        packet({ to: evilMac, from: STRANGER_MAC }, NOBODY, evilAddress),
        evil,
      ),
      probe(
        "evil's packet at a stranger",
        packet({ to: STRANGER_MAC, from: evilMac }, evilAddress, NOBODY),
        stranger,
        evil,
      ),
    ]),
    ...await lab.hostReceives('iifname "net-pro" udp dport 123', () =>
        lab.host.send(
          packet({ to: router, from: STRANGER_MAC }, NOBODY, HOST)(newMark()),
          "stranger1",
        ))
      ? ["arrived: a stranger's packet at the host"]
      : [],
  ];
}

export const SPOOFING_CHECKS = [
  fromOutside,
  fromStranger,
  // Then only the bridge's table works within the bridge.
  (lab: Lab) => lab.withoutBrNetfilter(() => fromStranger(lab)),
];

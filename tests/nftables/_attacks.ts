/**
 * Frames that root in a container may write, and what an honest one writes. Both end at `victim` (a neighbour in the domain
 * `pro`), at `server` (in `far`, where only `victim` may send) or at the host.
 */
import {
  arp,
  BROADCAST,
  bytes,
  ethernet,
  icmp,
  icmpv6,
  ip4Bytes,
  ip6Bytes,
  ipv4,
  ipv6,
  macBytes,
  tagged,
  u16,
  udp,
} from "./_frames.ts";
import type { Agent, Lab } from "./_lab.ts";

export const EVIL = {
  ip: "10.120.0.1",
  mac: "10:66:6a:00:00:01",
  ip6: "fd00:0:0:1::1",
  local: "fe80::1266:6aff:fe00:1",
};
export const VICTIM = {
  ip: "10.120.0.2",
  mac: "10:66:6a:00:00:02",
  ip6: "fd00:0:0:1::2",
  local: "fe80::1266:6aff:fe00:2",
};
export const SERVER = "10.120.1.1";
export const GATEWAY = "10.120.0.254";
export const UDP = 17, ICMP = 1, ICMPV6 = 58;

/** Where a forged frame would arrive: another machine's `eth0`, or the bridge as the host sees it. */
type Target = "victim" | "server" | "host";

export interface Attack {
  readonly name: string;
  readonly target: Target;
  /** `gateway` is the MAC of the domain's bridge. */
  readonly frame: (gateway: string) => Uint8Array;
  /** What a frame that arrived contains. */
  readonly trace: string;
}

/** Marks our frames in a capture. */
export const MARK = Uint8Array.of(0xde, 0xad, 0xbe, 0xef, 0xfe, 0xed, 0xfa, 0xce);
const TRACE = MARK.toHex();
const probe = udp(4000, 53, MARK);

function toVictim(name: string, frame: Uint8Array, trace = TRACE): Attack {
  return { name, target: "victim", frame: () => frame, trace };
}

const plain = ethernet(VICTIM.mac, EVIL.mac, 0x0800, ipv4(EVIL.ip, VICTIM.ip, UDP, probe));
const advert = (target: string) =>
  ethernet(
    "33:33:00:00:00:01",
    EVIL.mac,
    0x86dd,
    ipv6(
      EVIL.local,
      "ff02::1",
      ICMPV6,
      icmpv6(
        EVIL.local,
        "ff02::1",
        136,
        bytes(0x20, 0, 0, 0, ip6Bytes(target), 2, 1, macBytes(EVIL.mac)),
      ),
    ),
  );

/** A second and last fragment, at byte 8. */
function fragment(next: number): Uint8Array {
  const payload = bytes(next, 0, u16(8 | 0), u16(0xbeef), u16(1), MARK);
  return ethernet(
    "33:33:00:00:00:01",
    EVIL.mac,
    0x86dd,
    ipv6(EVIL.local, "ff02::1", 44, payload),
  );
}

export const ATTACKS: readonly Attack[] = [
  toVictim(
    "another address",
    ethernet(VICTIM.mac, EVIL.mac, 0x0800, ipv4("10.120.0.77", VICTIM.ip, UDP, probe)),
  ),
  toVictim(
    "the gateway's address",
    ethernet(VICTIM.mac, EVIL.mac, 0x0800, ipv4(GATEWAY, VICTIM.ip, UDP, probe)),
  ),
  toVictim(
    "an address of the internet",
    ethernet(VICTIM.mac, EVIL.mac, 0x0800, ipv4("203.0.113.10", VICTIM.ip, UDP, probe)),
  ),
  toVictim(
    "another MAC",
    ethernet(VICTIM.mac, "10:66:6a:00:00:99", 0x0800, ipv4(EVIL.ip, VICTIM.ip, UDP, probe)),
  ),
  {
    name: "the victim's address towards what only the victim may reach",
    target: "server",
    frame: (gateway) => ethernet(gateway, EVIL.mac, 0x0800, ipv4(VICTIM.ip, SERVER, UDP, probe)),
    trace: TRACE,
  },
  toVictim(
    "an ARP answer for the gateway",
    ethernet(
      VICTIM.mac,
      EVIL.mac,
      0x0806,
      arp({
        operation: 2,
        senderMac: EVIL.mac,
        sender: GATEWAY,
        targetMac: VICTIM.mac,
        target: VICTIM.ip,
      }),
    ),
    macBytes(EVIL.mac).toHex() + ip4Bytes(GATEWAY).toHex(),
  ),
  toVictim(
    "an ARP answer that names another MAC",
    ethernet(
      BROADCAST,
      EVIL.mac,
      0x0806,
      arp({ operation: 2, senderMac: "10:66:6a:00:00:99", sender: EVIL.ip, target: VICTIM.ip }),
    ),
    macBytes("10:66:6a:00:00:99").toHex() + ip4Bytes(EVIL.ip).toHex(),
  ),
  {
    name: "an ARP question for another domain's gateway",
    target: "host",
    frame: () =>
      ethernet(
        BROADCAST,
        EVIL.mac,
        0x0806,
        arp({ operation: 1, senderMac: EVIL.mac, sender: EVIL.ip, target: "10.120.1.254" }),
      ),
    trace: ip4Bytes("10.120.1.254").toHex(),
  },
  toVictim(
    "an answer of a DHCP server",
    ethernet(BROADCAST, EVIL.mac, 0x0800, ipv4(EVIL.ip, "255.255.255.255", UDP, udp(67, 68, MARK))),
  ),
  toVictim(
    "an ICMP redirect",
    ethernet(
      VICTIM.mac,
      EVIL.mac,
      0x0800,
      ipv4(EVIL.ip, VICTIM.ip, ICMP, icmp(5, 1, bytes(ip4Bytes(EVIL.ip), MARK))),
    ),
  ),
  toVictim(
    "a loose source route",
    ethernet(
      VICTIM.mac,
      EVIL.mac,
      0x0800,
      ipv4(EVIL.ip, VICTIM.ip, UDP, probe, bytes(131, 7, 4, ip4Bytes(SERVER), 0)),
    ),
  ),
  toVictim(
    "a strict source route",
    ethernet(
      VICTIM.mac,
      EVIL.mac,
      0x0800,
      ipv4(EVIL.ip, VICTIM.ip, UDP, probe, bytes(137, 7, 4, ip4Bytes(SERVER), 0)),
    ),
  ),
  toVictim("a VLAN tag", tagged(plain, 5)),
  toVictim("a priority tag", tagged(plain, 0)),
  toVictim("a provider's VLAN tag", tagged(plain, 5, 0x88a8)),
  toVictim("two VLAN tags", tagged(tagged(plain, 5), 6)),
  toVictim("a protocol of its own", ethernet(VICTIM.mac, EVIL.mac, 0x88b5, MARK)),
  toVictim(
    "a router advertisement",
    ethernet(
      "33:33:00:00:00:01",
      EVIL.mac,
      0x86dd,
      ipv6(
        EVIL.local,
        "ff02::1",
        ICMPV6,
        icmpv6(EVIL.local, "ff02::1", 134, bytes(64, 0, u16(1800), MARK)),
      ),
    ),
  ),
  toVictim(
    "a router advertisement behind destination options",
    ethernet(
      "33:33:00:00:00:01",
      EVIL.mac,
      0x86dd,
      ipv6(
        EVIL.local,
        "ff02::1",
        60,
        bytes(
          ICMPV6,
          0,
          1,
          4,
          0,
          0,
          0,
          0,
          icmpv6(EVIL.local, "ff02::1", 134, bytes(64, 0, u16(1800), MARK)),
        ),
      ),
    ),
  ),
  // The second fragment: what it is can only be told from the fragment header.
  toVictim("the rest of a router advertisement in fragments", fragment(ICMPV6)),
  toVictim("the rest of a packet whose options hide what it is", fragment(60)),
  toVictim(
    "an IPv6 redirect",
    ethernet(
      VICTIM.mac,
      EVIL.mac,
      0x86dd,
      ipv6(
        EVIL.local,
        VICTIM.ip6,
        ICMPV6,
        icmpv6(
          EVIL.local,
          VICTIM.ip6,
          137,
          bytes(0, 0, 0, 0, ip6Bytes(EVIL.ip6), ip6Bytes("2001:db8::10"), MARK),
        ),
      ),
    ),
  ),
  toVictim(
    "an answer of a DHCPv6 server",
    ethernet(
      VICTIM.mac,
      EVIL.mac,
      0x86dd,
      ipv6(EVIL.local, VICTIM.local, UDP, udp(547, 546, MARK)),
    ),
  ),
  toVictim(
    "another IPv6 address",
    ethernet(VICTIM.mac, EVIL.mac, 0x86dd, ipv6("fd00:0:0:1::77", VICTIM.ip6, UDP, probe)),
  ),
  toVictim(
    "another link-local address",
    ethernet(VICTIM.mac, EVIL.mac, 0x86dd, ipv6("fe80::77", VICTIM.ip6, UDP, probe)),
  ),
  toVictim(
    "a neighbour advertisement for the gateway",
    advert("fd00:0:0:1::254"),
    ip6Bytes("fd00:0:0:1::254").toHex(),
  ),
  // Last: where these arrive, the bridge looks for the victim at the wrong port from then on.
  {
    name: "the victim's MAC and address towards the host",
    target: "host",
    frame: (gateway) => ethernet(gateway, VICTIM.mac, 0x0800, ipv4(VICTIM.ip, GATEWAY, UDP, probe)),
    trace: TRACE,
  },
  {
    name: "the victim's MAC and address towards what only the victim may reach",
    target: "server",
    frame: (gateway) => ethernet(gateway, VICTIM.mac, 0x0800, ipv4(VICTIM.ip, SERVER, UDP, probe)),
    trace: TRACE,
  },
];

/** Frames that an honest machine sends, so that the rules are not merely shut. */
export const HONEST: readonly Attack[] = [
  toVictim("its own address", plain),
  toVictim(
    "an ARP answer for itself",
    ethernet(
      VICTIM.mac,
      EVIL.mac,
      0x0806,
      arp({
        operation: 2,
        senderMac: EVIL.mac,
        sender: EVIL.ip,
        targetMac: VICTIM.mac,
        target: VICTIM.ip,
      }),
    ),
    macBytes(EVIL.mac).toHex() + ip4Bytes(EVIL.ip).toHex(),
  ),
  toVictim(
    "the question whether its address is free",
    ethernet(
      BROADCAST,
      EVIL.mac,
      0x0806,
      arp({ operation: 1, senderMac: EVIL.mac, sender: "0.0.0.0", target: EVIL.ip }),
    ),
    "00000000" + "000000000000" + ip4Bytes(EVIL.ip).toHex(),
  ),
  {
    name: "a DHCP request",
    target: "host",
    frame: () =>
      ethernet(
        BROADCAST,
        EVIL.mac,
        0x0800,
        ipv4("0.0.0.0", "255.255.255.255", UDP, udp(68, 67, MARK)),
      ),
    trace: TRACE,
  },
  toVictim(
    "its own IPv6 address",
    ethernet(VICTIM.mac, EVIL.mac, 0x86dd, ipv6(EVIL.ip6, VICTIM.ip6, UDP, probe)),
  ),
  toVictim("a neighbour advertisement for itself", advert(EVIL.ip6), ip6Bytes(EVIL.ip6).toHex()),
];

/** With br_netfilter the host puts fragments together first, and one alone goes nowhere. */
export const HONEST_FRAGMENT = toVictim(
  "the rest of a UDP packet in fragments",
  ethernet(
    VICTIM.mac,
    EVIL.mac,
    0x86dd,
    ipv6(EVIL.ip6, VICTIM.ip6, 44, bytes(UDP, 0, u16(8), u16(1), u16(2), MARK)),
  ),
);

/** Which of the attacks arrive. */
export async function arrivals(lab: Lab, attacks: readonly Attack[]): Promise<string[]> {
  const link = await lab.host.run("ip", "-br", "link", "show", "net-pro");
  const gateway = /([0-9a-f]{2}(:[0-9a-f]{2}){5})/.exec(link)?.[1] ?? "";
  const places: Record<Target, [Agent, string]> = {
    victim: [lab.agent("victim"), "eth0"],
    server: [lab.agent("server"), "eth0"],
    host: [lab.host, "net-pro"],
  };
  for (const [agent, iface] of Object.values(places)) {
    await agent.ask("capture", { name: iface, interface: iface });
  }
  const arrived: string[] = [];
  for (const attack of attacks) {
    const [agent, iface] = places[attack.target];
    await agent.ask("captured", { name: iface, wait: 0 });
    await lab.agent("evil").send(attack.frame(gateway));
    const { frames = [] } = await agent.ask("captured", { name: iface, wait: 0.1 });
    if (frames.some((frame) => frame.includes(attack.trace))) arrived.push(attack.name);
  }
  return arrived;
}

/** Reserved addresses of a bridge: such a frame passes by the bridge and all its hooks. */
export const RESERVED = ["00", "03", "0e", "0f"].map((last) => `01:80:c2:00:00:${last}`);

/** How many frames to reserved addresses the host answers. */
export async function reservedAnswers(lab: Lab): Promise<number> {
  const evil = lab.agent("evil");
  await evil.ask("capture", { name: "eth0", interface: "eth0" });
  await evil.ask("captured", { name: "eth0", wait: 0 });
  for (const to of RESERVED) {
    const packet = ipv4(EVIL.ip, "203.0.113.1", UDP, udp(4000, 123, MARK));
    await evil.send(ethernet(to, EVIL.mac, 0x0800, packet));
  }
  // From port 123 to port 4000.
  return (await evil.captured()).filter((each) => each.includes("007b0fa0")).length;
}

export const names = (attacks: readonly Attack[]): string[] => attacks.map((attack) => attack.name);

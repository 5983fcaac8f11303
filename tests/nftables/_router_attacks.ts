/** Frames of a machine that acts as a router, or chooses the way of its packets. */
import {
  ALL_NODES,
  ALL_NODES_MAC,
  bytes,
  ethernet,
  ICMP,
  icmp,
  ICMPV6,
  icmpv6,
  ip4Bytes,
  ip6Bytes,
  ipv4,
  ipv6,
  u16,
  UDP,
} from "./_frames.ts";
import { EVIL, probe, type SentFrame, SERVER, toVictim, VICTIM } from "./_sent_frame.ts";

/** Returns a second and last fragment, at byte 8. */
function fragment(next: number, mark: Uint8Array): Uint8Array {
  const payload = bytes(next, 0, u16(8 | 0), u16(0xbeef), u16(1), mark);
  return ethernet(ALL_NODES_MAC, EVIL.mac, 0x86dd, ipv6(EVIL.local, ALL_NODES, 44, payload));
}

export const ROUTER_ATTACKS: readonly SentFrame[] = [
  toVictim(
    "a question of IGMP for the members of groups",
    (mark) =>
      ethernet(
        "01:00:5e:00:00:01",
        EVIL.mac,
        0x0800,
        ipv4(EVIL.ip, "224.0.0.1", 2, icmp(0x11, 100, mark)),
      ),
  ),
  toVictim(
    "an IGMP router advertisement",
    (mark) =>
      ethernet(
        "01:00:5e:00:00:6a",
        EVIL.mac,
        0x0800,
        ipv4(EVIL.ip, "224.0.0.106", 2, icmp(0x30, 20, mark)),
      ),
  ),
  toVictim(
    "a PIM hello",
    (mark) =>
      ethernet(
        "01:00:5e:00:00:0d",
        EVIL.mac,
        0x0800,
        ipv4(EVIL.ip, "224.0.0.13", 103, icmp(0x20, 0, mark)),
      ),
  ),
  toVictim(
    "a PIM hello of IPv6",
    (mark) =>
      ethernet(
        "33:33:00:00:00:0d",
        EVIL.mac,
        0x86dd,
        ipv6(EVIL.local, "ff02::d", 103, icmp(0x20, 0, mark)),
      ),
  ),
  ...[[130, "a question of MLD for the members of groups"], [
    151,
    "an IPv6 multicast router advertisement",
  ]].map((
    [type, name],
  ) =>
    toVictim(
      String(name),
      (mark) =>
        ethernet(
          ALL_NODES_MAC,
          EVIL.mac,
          0x86dd,
          ipv6(
            EVIL.local,
            ALL_NODES,
            ICMPV6,
            icmpv6(EVIL.local, ALL_NODES, Number(type), bytes(new Uint8Array(20), mark)),
          ),
        ),
    )
  ),
  toVictim(
    "an ICMP redirect",
    (mark) =>
      ethernet(
        VICTIM.mac,
        EVIL.mac,
        0x0800,
        ipv4(EVIL.ip, VICTIM.ip, ICMP, icmp(5, 1, bytes(ip4Bytes(EVIL.ip), mark))),
      ),
  ),
  toVictim(
    "a loose source route",
    (mark) =>
      ethernet(
        VICTIM.mac,
        EVIL.mac,
        0x0800,
        ipv4(EVIL.ip, VICTIM.ip, UDP, probe(mark), bytes(131, 7, 4, ip4Bytes(SERVER), 0)),
      ),
  ),
  toVictim(
    "a strict source route",
    (mark) =>
      ethernet(
        VICTIM.mac,
        EVIL.mac,
        0x0800,
        ipv4(EVIL.ip, VICTIM.ip, UDP, probe(mark), bytes(137, 7, 4, ip4Bytes(SERVER), 0)),
      ),
  ),
  toVictim("an IPv6 source route", (mark) =>
    ethernet(
      VICTIM.mac,
      EVIL.mac,
      0x86dd,
      ipv6(
        EVIL.ip6,
        VICTIM.ip6,
        43,
        bytes(UDP, 2, 0, 1, u16(0), u16(0), ip6Bytes("fd00:0:0:2::1"), probe(mark)),
      ),
    )),
  toVictim(
    "a router advertisement",
    (mark) =>
      ethernet(
        ALL_NODES_MAC,
        EVIL.mac,
        0x86dd,
        ipv6(
          EVIL.local,
          ALL_NODES,
          ICMPV6,
          icmpv6(EVIL.local, ALL_NODES, 134, bytes(64, 0, u16(1800), mark)),
        ),
      ),
  ),
  toVictim(
    "a router advertisement behind destination options",
    (mark) =>
      ethernet(
        ALL_NODES_MAC,
        EVIL.mac,
        0x86dd,
        ipv6(
          EVIL.local,
          ALL_NODES,
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
            icmpv6(EVIL.local, ALL_NODES, 134, bytes(64, 0, u16(1800), mark)),
          ),
        ),
      ),
  ),
  // The second fragment: only the fragment header shows its type.
  toVictim("the rest of a router advertisement in fragments", (mark) => fragment(ICMPV6, mark)),
  toVictim("the rest of a packet whose options hide what it is", (mark) => fragment(60, mark)),
  toVictim(
    "an IPv6 redirect",
    (mark) =>
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
            bytes(0, 0, 0, 0, ip6Bytes(EVIL.ip6), ip6Bytes("2001:db8::10"), mark),
          ),
        ),
      ),
  ),
];

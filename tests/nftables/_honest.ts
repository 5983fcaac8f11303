import {
  arp,
  BROADCAST,
  bytes,
  dhcp,
  ethernet,
  ICMPV6,
  ipv4,
  ipv6,
  solicit,
  SOLICITED,
  SOLICITED_MAC,
  u16,
  UDP,
  udp,
} from "./_frames.ts";
import {
  advert,
  dhcp6,
  EVIL,
  frameTo,
  GATEWAY,
  plain,
  probe,
  type SentFrame,
  toVictim,
  VICTIM,
} from "./_sent_frame.ts";

/** Frames of an honest machine, to show that the rules do not block everything. */
export const HONEST: readonly SentFrame[] = [
  toVictim("its own address", plain),
  toVictim(
    "an ARP answer for itself",
    (mark) =>
      ethernet(
        VICTIM.mac,
        EVIL.mac,
        0x0806,
        bytes(
          arp({
            operation: 2,
            senderMac: EVIL.mac,
            sender: EVIL.ip,
            targetMac: VICTIM.mac,
            target: VICTIM.ip,
          }),
          mark,
        ),
      ),
  ),
  toVictim(
    "the question whether its address is free",
    (mark) =>
      ethernet(
        BROADCAST,
        EVIL.mac,
        0x0806,
        bytes(arp({ operation: 1, senderMac: EVIL.mac, sender: "0.0.0.0", target: EVIL.ip }), mark),
      ),
  ),
  toVictim("the question whether its IPv6 address is free", (mark) =>
    ethernet(
      SOLICITED_MAC,
      EVIL.mac,
      0x86dd,
      ipv6("::", SOLICITED, ICMPV6, solicit(SOLICITED, EVIL.ip6, mark)),
    )),
  frameTo("a DHCP request", "host", (mark) =>
    ethernet(
      BROADCAST,
      EVIL.mac,
      0x0800,
      ipv4("0.0.0.0", "255.255.255.255", UDP, udp(68, 67, dhcp({ chaddr: EVIL.mac, mark }))),
    )),
  frameTo("a lease that it gives back", "host", (mark, gateway) => {
    const message = dhcp({ chaddr: EVIL.mac, ciaddr: EVIL.ip, type: 7, mark });
    return ethernet(gateway, EVIL.mac, 0x0800, ipv4(EVIL.ip, GATEWAY, UDP, udp(68, 67, message)));
  }),
  frameTo("a DHCPv6 request", "host", (mark) => dhcp6(1, mark)),
  toVictim(
    "its own IPv6 address",
    (mark) => ethernet(VICTIM.mac, EVIL.mac, 0x86dd, ipv6(EVIL.ip6, VICTIM.ip6, UDP, probe(mark))),
  ),
  toVictim("a neighbour advertisement for itself", (mark) => advert(EVIL.ip6, mark)),
];

/** With br_netfilter the host reassembles fragments first, and drops a single one. */
export const HONEST_FRAGMENT = toVictim(
  "the rest of a UDP packet in fragments",
  (mark) =>
    ethernet(
      VICTIM.mac,
      EVIL.mac,
      0x86dd,
      ipv6(EVIL.ip6, VICTIM.ip6, 44, bytes(UDP, 0, u16(8), u16(1), u16(2), mark)),
    ),
);

/** Frames of a machine that claims to be another, or to be what no machine is. */
import {
  arp,
  BROADCAST,
  bytes,
  ethernet,
  ICMPV6,
  ipv4,
  ipv6,
  solicit,
  SOLICITED,
  SOLICITED_MAC,
  tagged,
  UDP,
} from "./_frames.ts";
import {
  advert,
  EVIL,
  frameTo,
  GATEWAY,
  plain,
  probe,
  type SentFrame,
  SERVER,
  toVictim,
  VICTIM,
} from "./_sent_frame.ts";
import { DHCP_ATTACKS } from "./_dhcp_attacks.ts";
import { ROUTER_ATTACKS } from "./_router_attacks.ts";

export const ATTACKS: readonly SentFrame[] = [
  toVictim(
    "another address",
    (mark) =>
      ethernet(VICTIM.mac, EVIL.mac, 0x0800, ipv4("10.120.0.77", VICTIM.ip, UDP, probe(mark))),
  ),
  toVictim(
    "the gateway's address",
    (mark) => ethernet(VICTIM.mac, EVIL.mac, 0x0800, ipv4(GATEWAY, VICTIM.ip, UDP, probe(mark))),
  ),
  toVictim(
    "an address of the internet",
    (mark) =>
      ethernet(VICTIM.mac, EVIL.mac, 0x0800, ipv4("203.0.113.10", VICTIM.ip, UDP, probe(mark))),
  ),
  toVictim(
    "another MAC",
    (mark) =>
      ethernet(VICTIM.mac, "10:66:6a:00:00:99", 0x0800, ipv4(EVIL.ip, VICTIM.ip, UDP, probe(mark))),
  ),
  frameTo(
    "the victim's address towards what only the victim may reach",
    "server",
    (mark, gateway) =>
      ethernet(gateway, EVIL.mac, 0x0800, ipv4(VICTIM.ip, SERVER, UDP, probe(mark))),
  ),
  toVictim(
    "an ARP answer for the gateway",
    (mark) =>
      ethernet(
        VICTIM.mac,
        EVIL.mac,
        0x0806,
        bytes(
          arp({
            operation: 2,
            senderMac: EVIL.mac,
            sender: GATEWAY,
            targetMac: VICTIM.mac,
            target: VICTIM.ip,
          }),
          mark,
        ),
      ),
  ),
  toVictim(
    "an ARP answer that names another MAC",
    (mark) =>
      ethernet(
        BROADCAST,
        EVIL.mac,
        0x0806,
        bytes(
          arp({ operation: 2, senderMac: "10:66:6a:00:00:99", sender: EVIL.ip, target: VICTIM.ip }),
          mark,
        ),
      ),
  ),
  frameTo("an ARP question for another domain's gateway", "host", (mark) =>
    ethernet(
      BROADCAST,
      EVIL.mac,
      0x0806,
      bytes(
        arp({ operation: 1, senderMac: EVIL.mac, sender: EVIL.ip, target: "10.120.1.254" }),
        mark,
      ),
    )),
  toVictim("a VLAN tag", (mark) => tagged(plain(mark), 5)),
  toVictim("a priority tag", (mark) => tagged(plain(mark), 0)),
  toVictim("a provider's VLAN tag", (mark) => tagged(plain(mark), 5, 0x88a8)),
  toVictim("two VLAN tags", (mark) => tagged(tagged(plain(mark), 5), 6)),
  toVictim("a packet to the address of all bridges", (mark) =>
    ethernet(
      "01:80:c2:00:00:00",
      EVIL.mac,
      0x0800,
      ipv4(EVIL.ip, VICTIM.ip, UDP, probe(mark)),
    )),
  toVictim("a protocol of its own", (mark) => ethernet(VICTIM.mac, EVIL.mac, 0x88b5, mark)),
  toVictim(
    "another IPv6 address",
    (mark) =>
      ethernet(VICTIM.mac, EVIL.mac, 0x86dd, ipv6("fd00:0:0:1::77", VICTIM.ip6, UDP, probe(mark))),
  ),
  toVictim(
    "another link-local address",
    (mark) =>
      ethernet(VICTIM.mac, EVIL.mac, 0x86dd, ipv6("fe80::77", VICTIM.ip6, UDP, probe(mark))),
  ),
  toVictim(
    "a neighbour advertisement for the gateway",
    (mark) => advert("fd00:0:0:1::254", mark),
  ),
  toVictim(
    "the question whether the victim's IPv6 address is free, by which the victim loses it",
    (mark) =>
      ethernet(
        SOLICITED_MAC,
        EVIL.mac,
        0x86dd,
        ipv6("::", SOLICITED, ICMPV6, solicit(SOLICITED, VICTIM.ip6, mark)),
      ),
  ),
  ...DHCP_ATTACKS,
  ...ROUTER_ATTACKS,
  // Last: if these arrive, the bridge looks for the victim at the wrong port from then on.
  frameTo(
    "the victim's MAC and address towards the host",
    "host",
    (mark, gateway) =>
      ethernet(gateway, VICTIM.mac, 0x0800, ipv4(VICTIM.ip, GATEWAY, UDP, probe(mark))),
  ),
  frameTo(
    "the victim's MAC and address towards what only the victim may reach",
    "server",
    (mark, gateway) =>
      ethernet(gateway, VICTIM.mac, 0x0800, ipv4(VICTIM.ip, SERVER, UDP, probe(mark))),
  ),
];

/** Frames of a machine that claims to be another, or to be what no machine is. */
import {
  ALL_NODES,
  ALL_NODES_MAC,
  arp,
  BROADCAST,
  bytes,
  dhcp,
  ethernet,
  ICMP,
  icmp,
  ICMPV6,
  icmpv6,
  ip4Bytes,
  ip6Bytes,
  ipv4,
  ipv6,
  solicit,
  SOLICITED,
  SOLICITED_MAC,
  tagged,
  u16,
  UDP,
  udp,
  withLength,
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
  SERVER,
  toVictim,
  VICTIM,
} from "./_sent_frame.ts";

/** Returns a second and last fragment, at byte 8. */
function fragment(next: number, mark: Uint8Array): Uint8Array {
  const payload = bytes(next, 0, u16(8 | 0), u16(0xbeef), u16(1), mark);
  return ethernet(ALL_NODES_MAC, EVIL.mac, 0x86dd, ipv6(EVIL.local, ALL_NODES, 44, payload));
}

/**
 * Returns a message to the domain's DHCP server, from no address as a client must, or from its own.
 */
function toServer(
  name: string,
  message: Omit<Parameters<typeof dhcp>[0], "mark">,
  own = false,
): SentFrame {
  return frameTo(name, "host", (mark, gateway) => {
    const data = udp(68, 67, dhcp({ ...message, mark }));
    return own
      ? ethernet(gateway, EVIL.mac, 0x0800, ipv4(EVIL.ip, GATEWAY, UDP, data))
      : ethernet(BROADCAST, EVIL.mac, 0x0800, ipv4("0.0.0.0", "255.255.255.255", UDP, data));
  });
}

function dhcpAnswer(port: number, mark: Uint8Array): Uint8Array {
  return ipv4(EVIL.ip, "255.255.255.255", UDP, udp(port, 68, mark));
}

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
  toVictim(
    "an answer of a DHCP server",
    (mark) =>
      ethernet(
        BROADCAST,
        EVIL.mac,
        0x0800,
        ipv4(EVIL.ip, "255.255.255.255", UDP, udp(67, 68, mark)),
      ),
  ),
  // A client checks only the destination port.
  toVictim(
    "an answer of a DHCP server from another port",
    (mark) => ethernet(BROADCAST, EVIL.mac, 0x0800, dhcpAnswer(1067, mark)),
  ),
  // A client does not check the length in the header, by which the rules find the ports.
  toVictim(
    "an answer of a DHCP server in a packet that is too short",
    (mark) => ethernet(BROADCAST, EVIL.mac, 0x0800, withLength(dhcpAnswer(67, mark), 4000)),
  ),
  toServer("the victim's MAC in a DHCP request", { chaddr: VICTIM.mac, type: 3 }),
  toServer("a new MAC in a DHCP request, one more of the pool", { chaddr: "02:00:00:00:00:07" }),
  toServer("the victim's lease given back", {
    chaddr: VICTIM.mac,
    ciaddr: VICTIM.ip,
    type: 7,
  }, true),
  toServer("the victim's address said to be taken", { chaddr: VICTIM.mac, type: 4 }, true),
  toServer("the victim's address in its own DHCP message", {
    chaddr: EVIL.mac,
    ciaddr: VICTIM.ip,
    type: 8,
  }, true),
  ...[["another address", "10.120.0.77"], ["the victim's address", VICTIM.ip]].map((
    [name, from],
  ) =>
    frameTo(`a DHCP message about itself from ${name}`, "host", (mark, gateway) => {
      const data = udp(68, 67, dhcp({ chaddr: EVIL.mac, mark }));
      return ethernet(gateway, EVIL.mac, 0x0800, ipv4(from!, GATEWAY, UDP, data));
    })
  ),
  frameTo("a DHCP message from nowhere to the server alone", "host", (mark, gateway) => {
    const data = udp(68, 67, dhcp({ chaddr: EVIL.mac, mark }));
    return ethernet(gateway, EVIL.mac, 0x0800, ipv4("0.0.0.0", GATEWAY, UDP, data));
  }),
  toServer("a DHCP message that a relay has passed on", { chaddr: EVIL.mac, hops: 1 }),
  toServer("a DHCP message whose answer goes to the victim", {
    chaddr: EVIL.mac,
    giaddr: VICTIM.ip,
  }),
  frameTo("a DHCP message too short to say whose it is", "host", (mark) => {
    const packet = ipv4("0.0.0.0", "255.255.255.255", UDP, udp(68, 67, bytes(1, 1, 6, 0, mark)));
    return ethernet(BROADCAST, EVIL.mac, 0x0800, packet);
  }),
  toVictim("its own DHCP request to its neighbours", (mark) => {
    const message = udp(68, 67, dhcp({ chaddr: EVIL.mac, mark }));
    return ethernet(
      BROADCAST,
      EVIL.mac,
      0x0800,
      ipv4("0.0.0.0", "255.255.255.255", UDP, message),
    );
  }),
  toVictim("its own DHCPv6 request to its neighbours", (mark) => dhcp6(1, mark)),
  frameTo("a DHCPv6 lease given back", "host", (mark) => dhcp6(8, mark)),
  frameTo("an IPv6 address said to be taken", "host", (mark) => dhcp6(9, mark)),
  frameTo("a DHCPv6 message that a relay has passed on", "host", (mark) => dhcp6(12, mark)),
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
  toVictim("an answer of a DHCPv6 server in a packet that is too short", (mark) => {
    const packet = ipv6(EVIL.local, VICTIM.local, UDP, udp(547, 546, mark));
    packet.set(u16(4000), 4);
    return ethernet(VICTIM.mac, EVIL.mac, 0x86dd, packet);
  }),
  toVictim("an answer of a DHCPv6 server from another port", (mark) =>
    ethernet(
      VICTIM.mac,
      EVIL.mac,
      0x86dd,
      ipv6(EVIL.local, VICTIM.local, UDP, udp(1547, 546, mark)),
    )),
  toVictim(
    "an answer of a DHCPv6 server",
    (mark) =>
      ethernet(
        VICTIM.mac,
        EVIL.mac,
        0x86dd,
        ipv6(EVIL.local, VICTIM.local, UDP, udp(547, 546, mark)),
      ),
  ),
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

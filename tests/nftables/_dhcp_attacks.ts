/** Frames of a machine that acts as a DHCP server, or as another client of the real one. */
import {
  BROADCAST,
  bytes,
  dhcp,
  ethernet,
  ipv4,
  ipv6,
  u16,
  UDP,
  udp,
  withLength,
} from "./_frames.ts";
import { dhcp6, EVIL, frameTo, GATEWAY, type SentFrame, toVictim, VICTIM } from "./_sent_frame.ts";

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

export const DHCP_ATTACKS: readonly SentFrame[] = [
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
];

/**
 * Frames that root in a container may send, and their targets: `victim` (a neighbour in the domain
 * `pro`), `server` (in `far`, where only `victim` may send) or the host.
 */
import {
  ALL_NODES,
  ALL_NODES_MAC,
  bytes,
  ethernet,
  ICMPV6,
  icmpv6,
  ip6Bytes,
  ipv4,
  ipv6,
  macBytes,
  newMark,
  UDP,
  udp,
  udp6,
} from "./_frames.ts";

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

/** The target of a frame: another machine's `eth0`, or the bridge as the host sees it. */
type Target = "victim" | "server" | "host";

export interface SentFrame {
  readonly name: string;
  readonly target: Target;
  /** `gateway` is the MAC of the domain's bridge. */
  readonly frame: (gateway: string) => Uint8Array;
  /** The mark in it. */
  readonly trace: string;
}

export const probe = (mark: Uint8Array): Uint8Array => udp(4000, 53, mark);

export function frameTo(
  name: string,
  target: Target,
  frame: (mark: Uint8Array, gateway: string) => Uint8Array,
): SentFrame {
  const mark = newMark();
  return { name, target, frame: (gateway) => frame(mark, gateway), trace: mark.toHex() };
}

export function toVictim(name: string, frame: (mark: Uint8Array) => Uint8Array): SentFrame {
  return frameTo(name, "victim", frame);
}

/** Returns a packet of its own, to its neighbour. */
export const plain = (mark: Uint8Array): Uint8Array =>
  ethernet(VICTIM.mac, EVIL.mac, 0x0800, ipv4(EVIL.ip, VICTIM.ip, UDP, probe(mark)));

/** The start of an option of sixteen bytes that receivers ignore: room for a mark. */
const NONCE = bytes(14, 2, 0, 0, 0, 0, 0, 0);

/** Tells all machines of the domain that the sender's MAC has the address. */
export const advert = (target: string, mark: Uint8Array): Uint8Array =>
  ethernet(
    ALL_NODES_MAC,
    EVIL.mac,
    0x86dd,
    ipv6(
      EVIL.local,
      ALL_NODES,
      ICMPV6,
      icmpv6(
        EVIL.local,
        ALL_NODES,
        136,
        bytes(0x20, 0, 0, 0, ip6Bytes(target), 2, 1, macBytes(EVIL.mac), NONCE, mark),
      ),
    ),
  );

/**
 * Returns a message of a DHCPv6 client to all servers (RFC 8415): 1 solicit, 8 release, 9 decline.
 */
export const dhcp6 = (type: number, mark: Uint8Array): Uint8Array => {
  const to = "ff02::1:2", message = bytes(type, 1, 2, 3, mark);
  return ethernet(
    "33:33:00:01:00:02",
    EVIL.mac,
    0x86dd,
    ipv6(EVIL.local, to, UDP, udp6(EVIL.local, to, 546, 547, message)),
  );
};

export const names = (frames: readonly SentFrame[]): string[] => frames.map(({ name }) => name);

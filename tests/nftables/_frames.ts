/** Frames of an attacker: bytes, with the checksums that a receiver checks. */

export const BROADCAST = "ff:ff:ff:ff:ff:ff";
/** All IPv6 nodes of a link. */
export const ALL_NODES = "ff02::1", ALL_NODES_MAC = "33:33:00:00:00:01";
/** The nodes whose address ends in 1. */
export const SOLICITED = "ff02::1:ff00:1", SOLICITED_MAC = "33:33:ff:00:00:01";

export const ICMP = 1, TCP = 6, UDP = 17, GRE = 47, ICMPV6 = 58, SCTP = 132;

let marks = 0;

/** Returns eight unique bytes, by which a capture identifies the frame. */
export function newMark(): Uint8Array {
  marks++;
  return bytes(0xde, 0xad, 0xbe, 0xef, 0xfe, 0xed, u16(marks));
}

export function bytes(...parts: readonly (number | Uint8Array)[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => typeof part === "number" ? [part] : [...part]));
}

export function u16(value: number): Uint8Array {
  return bytes(value >> 8, value & 255);
}

export function macBytes(mac: string): Uint8Array {
  return Uint8Array.from(mac.split(":"), (each) => parseInt(each, 16));
}

export function ip4Bytes(address: string): Uint8Array {
  return Uint8Array.from(address.split("."), Number);
}

/** Parses eight groups, at most one `::`. */
export function ip6Bytes(address: string): Uint8Array {
  const [head = "", tail = ""] = address.split("::");
  const groups = (text: string) =>
    text === "" ? [] : text.split(":").map((each) => parseInt(each, 16));
  const [left, right] = [groups(head), groups(tail)];
  const zeros = new Array<number>(8 - left.length - right.length).fill(0);
  return bytes(...[...left, ...zeros, ...right].map(u16));
}

export function ethernet(to: string, from: string, type: number, payload: Uint8Array): Uint8Array {
  return bytes(macBytes(to), macBytes(from), u16(type), payload);
}

/** Puts an 802.1Q tag in front of a frame's own type. */
export function tagged(frame: Uint8Array, vlan: number, type = 0x8100): Uint8Array {
  return bytes(frame.subarray(0, 12), u16(type), u16(vlan), frame.subarray(12));
}

export function arp(
  { operation, senderMac, sender, targetMac = "00:00:00:00:00:00", target }: {
    operation: 1 | 2;
    senderMac: string;
    sender: string;
    targetMac?: string;
    target: string;
  },
): Uint8Array {
  return bytes(
    u16(1),
    u16(0x0800),
    6,
    4,
    u16(operation),
    macBytes(senderMac),
    ip4Bytes(sender),
    macBytes(targetMac),
    ip4Bytes(target),
  );
}

export function ipv4(
  from: string,
  to: string,
  protocol: number,
  payload: Uint8Array,
  options: Uint8Array = new Uint8Array(),
): Uint8Array {
  const length = 20 + options.length;
  const header = (sum: Uint8Array) =>
    bytes(
      0x40 | (length / 4),
      0,
      u16(length + payload.length),
      u16(1),
      u16(0),
      64,
      protocol,
      sum,
      ip4Bytes(from),
      ip4Bytes(to),
      options,
    );
  return bytes(header(u16(checksum(header(u16(0))))), payload);
}

/** Returns an IPv4 packet with another length in its header. */
export function withLength(packet: Uint8Array, length: number): Uint8Array {
  const header = (sum: Uint8Array) =>
    bytes(packet.subarray(0, 2), u16(length), packet.subarray(4, 10), sum, packet.subarray(12, 20));
  return bytes(header(u16(checksum(header(u16(0))))), packet.subarray(20));
}

export function ipv6(from: string, to: string, next: number, payload: Uint8Array): Uint8Array {
  return bytes(
    0x60,
    0,
    0,
    0,
    u16(payload.length),
    next,
    255,
    ip6Bytes(from),
    ip6Bytes(to),
    payload,
  );
}

/** Returns the same packet as two fragments, the first with `first` bytes, a multiple of 8. */
export function fragments(
  macs: { to: string; from: string },
  from: string,
  to: string,
  protocol: number,
  payload: Uint8Array,
  first = 16,
): [Uint8Array, Uint8Array] {
  const id = Math.floor(Math.random() * 65_536);
  const part = (offset: number, more: 0 | 1, data: Uint8Array): Uint8Array => {
    if (from.includes(":")) {
      const header = bytes(protocol, 0, u16(offset | more), u16(0), u16(id));
      return ipFrame(macs, from, to, 44, bytes(header, data));
    }
    const packet = bytes(ipv4(from, to, protocol, data));
    packet.set(bytes(u16(id), u16(more << 13 | offset / 8)), 4);
    return ethernet(macs.to, macs.from, 0x0800, withLength(packet, packet.length));
  };
  return [part(0, 1, payload.subarray(0, first)), part(first, 0, payload.subarray(first))];
}

/** Returns a frame with a packet, IPv4 or IPv6 by its addresses. */
export function ipFrame(
  macs: { to: string; from: string },
  from: string,
  to: string,
  protocol: number,
  payload: Uint8Array,
): Uint8Array {
  return from.includes(":")
    ? ethernet(macs.to, macs.from, 0x86dd, ipv6(from, to, protocol, payload))
    : ethernet(macs.to, macs.from, 0x0800, ipv4(from, to, protocol, payload));
}

/**
 * Returns a message of a DHCP client (RFC 2131, section 2), with a mark in the field of the
 * server's name.
 */
export function dhcp(
  { chaddr, ciaddr = "0.0.0.0", giaddr = "0.0.0.0", hops = 0, type = 1, options = [], mark }: {
    readonly chaddr: string;
    readonly ciaddr?: string;
    readonly giaddr?: string;
    readonly hops?: number;
    /** 1 discover, 3 request, 4 decline, 7 release, 8 inform. */
    readonly type?: number;
    readonly options?: readonly (number | Uint8Array)[];
    readonly mark: Uint8Array;
  },
): Uint8Array {
  const [none, id] = [new Uint8Array(4), mark.subarray(4)];
  return bytes(
    ...[1, 1, 6, hops, id, u16(0), u16(0x8000), ip4Bytes(ciaddr), none, none, ip4Bytes(giaddr)],
    ...[macBytes(chaddr), new Uint8Array(10), mark, new Uint8Array(56 + 128)],
    ...[99, 130, 83, 99, 53, 1, type, ...options, 255],
  );
}

/** Returns a datagram without a checksum, which IPv4 allows. */
export function udp(from: number, to: number, payload: Uint8Array = new Uint8Array(8)): Uint8Array {
  return bytes(u16(from), u16(to), u16(8 + payload.length), u16(0), payload);
}

/** Returns a datagram with the checksum that IPv6 requires. */
export function udp6(
  from: string,
  to: string,
  source: number,
  target: number,
  payload: Uint8Array,
): Uint8Array {
  const sum = checksum(
    bytes(pseudo(from, to, UDP, 8 + payload.length), udp(source, target, payload)),
  );
  return bytes(u16(source), u16(target), u16(8 + payload.length), u16(sum), payload);
}

/** Returns the first packet of an SCTP association, with data in an unknown parameter. */
export function sctpInit(source: number, target: number, payload: Uint8Array): Uint8Array {
  const INIT = 1, UNKNOWN = 0x8123;
  const parameter = bytes(u16(UNKNOWN), u16(4 + payload.length), payload);
  // The initiator's tag, its window, its streams in both directions, its first number.
  const chunk = bytes(
    ...[INIT, 0, u16(20 + parameter.length), u16(0), u16(1)],
    ...[u16(1), u16(0), u16(1), u16(1), u16(0), u16(1), parameter],
  );
  const packet = (sum: Uint8Array) => bytes(u16(source), u16(target), u16(0), u16(0), sum, chunk);
  const sum = new Uint8Array(4);
  new DataView(sum.buffer).setUint32(0, crc32c(packet(sum)), true);
  return packet(sum);
}

function crc32c(data: Uint8Array): number {
  let crc = ~0;
  for (const byte of data) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc >>> 0;
}

/** Returns the first segment of a connection, with data in it. */
export function syn(
  from: string,
  to: string,
  source: number,
  target: number,
  payload: Uint8Array,
): Uint8Array {
  const segment = (sum: number) =>
    bytes(
      u16(source),
      u16(target),
      u16(0),
      u16(1),
      u16(0),
      u16(0),
      0x50,
      2,
      u16(65535),
      u16(sum),
      u16(0),
      payload,
    );
  return segment(checksum(bytes(pseudo(from, to, TCP, 20 + payload.length), segment(0))));
}

export function icmp(type: number, code: number, rest: Uint8Array): Uint8Array {
  const message = (sum: Uint8Array) => bytes(type, code, sum, rest);
  return message(u16(checksum(message(u16(0)))));
}

export function icmpv6(
  from: string,
  to: string,
  type: number,
  rest: Uint8Array,
): Uint8Array {
  const message = (sum: Uint8Array) => bytes(type, 0, sum, rest);
  const whole = message(u16(0));
  return message(u16(checksum(bytes(pseudo(from, to, ICMPV6, whole.length), whole))));
}

/** Returns a question whether an address is free. */
export function solicit(to: string, address: string, mark: Uint8Array): Uint8Array {
  return icmpv6("::", to, 135, bytes(0, 0, 0, 0, ip6Bytes(address), mark));
}

/**
 * Returns the pseudo header of a checksum. In IPv4 the protocol's byte is in another place, which
 * does not change the sum.
 */
function pseudo(from: string, to: string, protocol: number, length: number): Uint8Array {
  const addresses = from.includes(":")
    ? [ip6Bytes(from), ip6Bytes(to)]
    : [ip4Bytes(from), ip4Bytes(to)];
  return bytes(...addresses, u16(length), u16(protocol));
}

function checksum(data: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < data.length; i += 2) sum += (data[i]! << 8) | (data[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}

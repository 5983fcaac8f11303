import { addressInterval } from "./interval.ts";

/** A packet that starts a flow, with the values on the wire. */
interface FrameOpening {
  readonly fromMac: string;
  readonly toMac: string;
  readonly from: string;
  readonly to: string;
  readonly protocol: "tcp" | "udp" | "icmp";
  /** Port of the target; ICMP has none. */
  readonly port: number;
  /**
   * The number that identifies it on its way, 1 to 26,999: IPv4's identification or IPv6's flow
   * label, and the source port or ICMP's identifier.
   */
  readonly number: number;
}

/**
 * Linux chooses its source ports from here on. The firewall does not translate such a port (chain
 * share of nft/inet.nft).
 */
export const FIRST_SOURCE_PORT = 33_000;

/**
 * Returns an Ethernet frame with a SYN, a datagram or an echo request, in hexadecimal. Each
 * checksum is right: conntrack ignores packets with a wrong one.
 */
export function openingFrame(opening: FrameOpening): string {
  const { fromMac, toMac, from, to, number: id } = opening;
  const version = from.includes(":") ? 6 : 4;
  const [source, target] = [addressBytes(from), addressBytes(to)];
  const { number, payload, sumAt } = message(opening, version);
  const pseudo = version === 4
    ? [...source, ...target, 0, number, ...u16(payload.length)]
    : [...source, ...target, 0, 0, ...u16(payload.length), 0, 0, 0, number];
  // ICMP of IPv4 is the only one whose checksum does not cover the addresses.
  const covered = number === 1 ? payload : [...pseudo, ...payload];
  const filled = payload.toSpliced(sumAt, 2, ...u16(checksum(covered)));
  const type = version === 4 ? [0x08, 0x00] : [0x86, 0xdd];
  const bytes = [...macBytes(toMac), ...macBytes(fromMac), ...type];
  if (version === 4) {
    const header = [
      ...[0x45, 0, ...u16(20 + filled.length), ...u16(id), 0, 0, 64, number, 0, 0],
      ...source,
      ...target,
    ];
    bytes.push(...header.toSpliced(10, 2, ...u16(checksum(header))));
  } else {
    bytes.push(0x60, 0, ...u16(id), ...u16(filled.length), number, 64, ...source, ...target);
  }
  return [...bytes, ...filled].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function message({ protocol, port, number: id }: FrameOpening, version: 4 | 6) {
  const ports = [...u16(FIRST_SOURCE_PORT + id), ...u16(port)];
  switch (protocol) {
    case "tcp":
      return {
        number: 6,
        payload: [...ports, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x02, 4, 0, 0, 0, 0, 0],
        sumAt: 16,
      };
    case "udp":
      return { number: 17, payload: [...ports, 0, 9, 0, 0, 0x61], sumAt: 6 };
    case "icmp":
      return version === 4
        ? { number: 1, payload: [8, 0, 0, 0, ...u16(id), 0, 1], sumAt: 2 }
        : { number: 58, payload: [128, 0, 0, 0, ...u16(id), 0, 1], sumAt: 2 };
  }
}

function addressBytes(text: string): number[] {
  const { version, first } = addressInterval(text);
  const length = version === 4 ? 4 : 16;
  return Array.from({ length }, (_, i) => Number((first >> BigInt(8 * (length - 1 - i))) & 255n));
}

function macBytes(mac: string): number[] {
  return mac.split(":").map((byte) => parseInt(byte, 16));
}

function u16(value: number): number[] {
  return [value >> 8, value & 255];
}

function checksum(bytes: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}

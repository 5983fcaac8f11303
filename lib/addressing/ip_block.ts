import { Address4, Address6 } from "ip-address";

/** A network or a single address as a range of numbers. Both ends are inclusive. */
export interface IpBlock {
  readonly family: 4 | 6;
  readonly first: bigint;
  readonly last: bigint;
  readonly length: number;
}

/**
 * Reads `10.120.3.0/24`, `10.120.3.7`, `default` or the same in IPv6. Host bits are ignored.
 * Returns undefined for any other text.
 */
export function ipBlock(text: string, family: 4 | 6 = 4): IpBlock | undefined {
  if (text === "default") return ipBlock(family === 4 ? "0.0.0.0/0" : "::/0");
  const usual = PLAIN_IPV4.exec(text);
  if (usual !== null) return plainBlock(usual);
  if (Address4.isValid(text)) return blockOf(new Address4(text), 4);
  if (Address6.isValid(text)) return blockOf(new Address6(text), 6);
  return undefined;
}

/**
 * The form that `ip` prints in thousands of lines. The library needs fifty times as long for it.
 */
const PLAIN_IPV4 =
  /^(0|[1-9]\d?\d?)\.(0|[1-9]\d?\d?)\.(0|[1-9]\d?\d?)\.(0|[1-9]\d?\d?)(?:\/(0|[12]?\d|3[0-2]))?$/;

function plainBlock([, a, b, c, d, text]: RegExpExecArray): IpBlock | undefined {
  const octets = [a, b, c, d].map(Number);
  if (octets.some((octet) => octet > 255)) return undefined;
  const address = octets.reduce((sum, octet) => sum * 256 + octet, 0);
  const length = text === undefined ? 32 : Number(text);
  const size = 2 ** (32 - length);
  const first = address - address % size;
  return { family: 4, first: BigInt(first), last: BigInt(first + size - 1), length };
}

function blockOf(address: Address4 | Address6, family: 4 | 6): IpBlock {
  return {
    family,
    first: address.startAddress().bigInt(),
    last: address.endAddress().bigInt(),
    length: address.subnetMask,
  };
}

/** Returns the block of one address. */
export function addressBlock(address: bigint, family: 4 | 6): IpBlock {
  return { family, first: address, last: address, length: family === 4 ? 32 : 128 };
}

/** True if the two have an address in common. Networks are either nested or disjoint. */
export function overlaps(a: IpBlock, b: IpBlock): boolean {
  return a.family === b.family && a.first <= b.last && b.first <= a.last;
}

/**
 * Routes with at most this prefix length count as a default route: VPNs split it in two
 * (`0.0.0.0/1`).
 */
export const DEFAULT_LENGTH = { 4: 1, 6: 3 } as const;

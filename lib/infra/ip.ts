/**
 * Returns the octets of an IPv4 address in canonical form; undefined for any other text, for
 * example one with leading zeros.
 */
export function parseIpv4(text: string): readonly number[] | undefined {
  const match = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/
    .exec(text);
  if (match === null) return undefined;
  const octets = match.slice(1).map(Number);
  return octets.every((octet) => octet <= 255) ? octets : undefined;
}

/**
 * Returns the eight groups of an IPv6 address without a zone. The URL parser of the runtime reads
 * it.
 */
export function parseIpv6(text: string): readonly number[] | undefined {
  if (!/^[0-9A-Fa-f:.]{2,45}$/.test(text) || !text.includes(":")) return undefined;
  const address = `http://[${text}]/`;
  if (!URL.canParse(address)) return undefined;
  const [head = "", tail] = new URL(address).hostname.slice(1, -1).split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = new Array<string>(8 - left.length - right.length).fill("0");
  return [...left, ...zeros, ...right].map((group) => parseInt(group, 16));
}

/** A network in canonical form. */
export interface Cidr {
  readonly version: 4 | 6;
  /** `192.168.1.0/24`, `2001:db8::/32`. A single address is `/32` or `/128`. */
  readonly text: string;
  /** True if bits after the prefix are set: the user may have meant a single address. */
  readonly hasHostBits: boolean;
  readonly address: string;
  readonly first: bigint;
  readonly last: bigint;
}

/** Reads an IPv4 or IPv6 address or network; undefined if it is neither. */
export function parseCidr(text: string): Cidr | undefined {
  const match = /^([0-9A-Fa-f:.]+)(?:\/(0|[1-9]\d{0,2}))?$/.exec(text);
  if (match === null) return undefined;
  const [, address = "", prefixText] = match;
  const v4 = parseIpv4(address);
  const groups = v4 ?? parseIpv6(address);
  if (groups === undefined) return undefined;
  const [version, bits, width] = v4 === undefined ? [6, 128, 16n] as const : [4, 32, 8n] as const;
  const prefix = prefixText === undefined ? bits : Number(prefixText);
  if (prefix > bits) return undefined;
  const value = groups.reduce((sum, group) => (sum << width) | BigInt(group), 0n);
  const hostBits = (1n << BigInt(bits - prefix)) - 1n;
  const first = value & ~hostBits;
  return {
    version,
    text: `${formatAddress(first, version)}/${prefix}`,
    hasHostBits: first !== value,
    address: formatAddress(value, version),
    first,
    last: first | hostBits,
  };
}

/**
 * Returns the canonical text of an address. Not by `ip-address`: then `validate` would have to load
 * that.
 */
export function formatAddress(value: bigint, version: 4 | 6): string {
  if (version === 4) {
    return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join(".");
  }
  const groups = [112n, 96n, 80n, 64n, 48n, 32n, 16n, 0n]
    .map((shift) => ((value >> shift) & 0xffffn).toString(16));
  return new URL(`http://[${groups.join(":")}]/`).hostname.slice(1, -1);
}

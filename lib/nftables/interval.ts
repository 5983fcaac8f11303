import { formatAddress, parseCidr } from "../infra/ip.ts";

/** An interval, inclusive at both ends. */
export interface Interval {
  readonly first: bigint;
  readonly last: bigint;
}

/** An interval of addresses of one family. */
export interface AddressInterval extends Interval {
  readonly version: 4 | 6;
}

/** Reads an address or a CIDR that was checked before; throws on anything else. */
export function addressInterval(text: string): AddressInterval {
  const cidr = parseCidr(text);
  if (cidr === undefined) throw new TypeError(`Not an address: ${JSON.stringify(text)}`);
  return { version: cidr.version, first: cidr.first, last: cidr.last };
}

/** Returns `10.1.2.3`, `10.1.2.0/24` or `10.1.2.3-10.1.2.9`. */
export function addressText({ version, first, last }: AddressInterval): string {
  const start = formatAddress(first, version);
  if (first === last) return start;
  const size = last - first + 1n;
  const aligned = (size & (size - 1n)) === 0n && first % size === 0n;
  if (!aligned) return `${start}-${formatAddress(last, version)}`;
  return `${start}/${(version === 4 ? 33 : 129) - size.toString(2).length}`;
}

/** Returns `80` or `80-90`. */
export function numberText({ first, last }: Interval): string {
  return first === last ? String(first) : `${first}-${last}`;
}

/** Returns the parts of `whole` that are in none of `holes`, in ascending order. */
export function without<T extends Interval>(whole: T, holes: readonly Interval[]): T[] {
  const left: T[] = [];
  let next = whole.first;
  for (const hole of holes.toSorted((a, b) => a.first < b.first ? -1 : 1)) {
    if (hole.last < next || hole.first > whole.last) continue;
    if (hole.first > next) left.push({ ...whole, first: next, last: hole.first - 1n });
    next = hole.last + 1n;
  }
  if (next <= whole.last) left.push({ ...whole, first: next });
  return left;
}

import { Address4, Address6 } from "ip-address";

/** A network or a single address as a stretch of numbers; both ends are inclusive. */
export interface IpBlock {
  readonly family: 4 | 6;
  readonly first: bigint;
  readonly last: bigint;
  readonly length: number;
}

/** Of `10.120.3.0/24`, `10.120.3.7`, `default` or their IPv6 kin; host bits do not matter. undefined for anything else. */
export function ipBlock(text: string, family: 4 | 6 = 4): IpBlock | undefined {
  if (text === "default") return ipBlock(family === 4 ? "0.0.0.0/0" : "::/0");
  if (Address4.isValid(text)) return blockOf(new Address4(text), 4);
  if (Address6.isValid(text)) return blockOf(new Address6(text), 6);
  return undefined;
}

function blockOf(address: Address4 | Address6, family: 4 | 6): IpBlock {
  return {
    family,
    first: address.startAddress().bigInt(),
    last: address.endAddress().bigInt(),
    length: address.subnetMask,
  };
}

/** One address. */
export function addressBlock(address: bigint, family: 4 | 6): IpBlock {
  return { family, first: address, last: address, length: family === 4 ? 32 : 128 };
}

/** Whether the two have an address in common: networks either nest or are disjoint. */
export function overlaps(a: IpBlock, b: IpBlock): boolean {
  return a.family === b.family && a.first <= b.last && b.first <= a.last;
}

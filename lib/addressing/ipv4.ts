/** Third octets a domain may have; 255 is left free. */
export const SEQUENCE = { first: 0, last: 254 } as const;
/** Last octets of machines. */
export const STATIC = { first: 1, last: 99 } as const;
/** Last octets that Incus hands out by DHCP to whoever has no address of its own. */
export const DHCP = { first: 100, last: 199 } as const;
export const GATEWAY = 254;

/** `10.120.3.0/24`, or an address in it, as `10.120` and 3. */
export function splitSubnet(subnet: string): { readonly zone: string; readonly sequence: number } {
  const network = networkOf(subnet);
  const [zone, last] = splitLast(network);
  return { zone, sequence: last };
}

/** The three octets of a /24 or of an address in it: `10.120.3`. */
export function networkOf(address: string): string {
  return address.slice(0, address.lastIndexOf("."));
}

/** Last octet of an address. */
export function hostNumber(address: string): number {
  return splitLast(address)[1];
}

function splitLast(text: string): [string, number] {
  const dot = text.lastIndexOf(".");
  return [text.slice(0, dot), Number(text.slice(dot + 1))];
}

/** Orders addresses and subnets as a person counts them: `.2` before `.10`. */
export function compareAddresses(a: string, b: string): number {
  return numberOf(a) - numberOf(b);
}

function numberOf(address: string): number {
  const bare = address.split("/", 1)[0] ?? address;
  return bare.split(".").reduce((sum, octet) => sum * 256 + Number(octet), 0);
}

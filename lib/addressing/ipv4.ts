/** Third octets that a domain can have. 255 stays free. */
export const SEQUENCE = { first: 0, last: 254 } as const;
/** Last octets of machines with a fixed address. */
export const STATIC = { first: 1, last: 99 } as const;
/** Last octets that Incus gives by DHCP to machines without a fixed address. */
export const DHCP = { first: 100, last: 199 } as const;
export const GATEWAY = 254;

/** Splits `10.120.3.0/24`, or an address in it, into `10.120` and 3. */
export function splitSubnet(subnet: string): { readonly zone: string; readonly sequence: number } {
  const network = networkOf(subnet);
  const [zone, last] = splitLast(network);
  return { zone, sequence: last };
}

/** Returns the three octets of a /24 or of an address in it: `10.120.3`. */
export function networkOf(address: string): string {
  return address.slice(0, address.lastIndexOf("."));
}

/** Returns the last octet of an address. */
export function hostNumber(address: string): number {
  return splitLast(address)[1];
}

function splitLast(text: string): [string, number] {
  const dot = text.lastIndexOf(".");
  return [text.slice(0, dot), Number(text.slice(dot + 1))];
}

/** Compares addresses and subnets by number: `.2` comes before `.10`. */
export function compareAddresses(a: string, b: string): number {
  return numberOf(a) - numberOf(b);
}

function numberOf(address: string): number {
  const bare = address.split("/", 1)[0] ?? address;
  return bare.split(".").reduce((sum, octet) => sum * 256 + Number(octet), 0);
}

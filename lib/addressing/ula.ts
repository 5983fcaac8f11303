import { digest } from "./digest.ts";
import { GATEWAY, hostNumber, networkOf } from "./ipv4.ts";

/**
 * Returns a domain's /64 in the infra's own ULA /48 (RFC 4193). The global ID is a digest of the
 * infra's UUID. The subnet ID is the second and third octet of the IPv4 subnet in hexadecimal.
 */
export function ulaOf(infraId: string, subnet: string): { subnet: string; gateway: string } {
  const prefix = prefixOf(infraId, subnet);
  return { subnet: `${prefix}::/64`, gateway: `${prefix}::${GATEWAY}` };
}

/**
 * Returns the IPv6 address that ends in the same digits as the IPv4 address, read as hexadecimal:
 * `::10` for `.10`.
 */
export function ulaAddress(infraId: string, ip: string): string {
  return `${prefixOf(infraId, ip)}::${hostNumber(ip)}`;
}

function prefixOf(infraId: string, address: string): string {
  const id = digest("ula", infraId);
  const [, second, third] = networkOf(address).split(".").map(Number);
  const groups = [
    0xfd00 | id[0]!,
    (id[1]! << 8) | id[2]!,
    (id[3]! << 8) | id[4]!,
    ((second ?? 0) << 8) | (third ?? 0),
  ];
  // RFC 5952: zeros next to the `::` are part of it.
  return groups.map((group) => group.toString(16)).join(":").replace(/(?::0)+$/, "");
}

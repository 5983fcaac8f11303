import { UPLINK_KINDS } from "./local_interface.ts";

/**
 * Returns the bridges and modem links that have a default route of the main table, IPv4 or IPv6: a
 * server's `br0` is outside, Docker's bridge is not. Sorted.
 * @param routes of both families, from `ip -json route show table all`
 * @param links from `ip -json -details address` (or `link`)
 */
export function findLocalUplinks(
  routes: readonly IpObject[],
  links: readonly IpObject[],
): string[] {
  const candidates = new Set(
    links.filter((link) => UPLINK_KINDS.includes(link.linkinfo?.info_kind ?? ""))
      .map((link) => link.ifname),
  );
  const ways = routes.filter(({ dst, table }) => dst === "default" && table === undefined)
    .flatMap((route) => [route.dev, ...(route.nexthops ?? []).map((hop) => hop.dev)]);
  return [...new Set(ways.filter((way) => way !== undefined))]
    .filter((way) => candidates.has(way)).toSorted();
}

/**
 * The fields of `ip -json` that are read; a route by several ways has `nexthops` instead of `dev`.
 */
export interface IpObject {
  readonly ifname?: string;
  readonly linkinfo?: { readonly info_kind?: string };
  readonly dst?: string;
  /** Absent for the main table. */
  readonly table?: string;
  readonly dev?: string;
  readonly nexthops?: readonly { readonly dev?: string }[];
}

import type { Infra } from "../infra/infra.ts";
import type { Addressing, DomainAddress } from "./addressing.ts";
import { type DomainNetwork, DomainRoutes } from "./domain_route.ts";
import type { HostNetworks } from "./host_networks.ts";
import { ipBlock } from "./ip_block.ts";

/** A domain's network, IPv4 or IPv6. */
export interface Ours extends DomainNetwork {
  readonly address: DomainAddress;
}

/**
 * Returns the routes of packets to the domains, by address family. A family that could not be read
 * is left out.
 */
export function domainRoutes(
  infra: Infra,
  addressing: Addressing,
  { routing, interfaces }: Pick<HostNetworks, "routing" | "interfaces">,
): ReadonlyMap<4 | 6, DomainRoutes> {
  if (routing === undefined) return new Map();
  const networks = networksOf(infra, addressing);
  const via = infra.domains.flatMap(({ internet }) =>
    internet.kind === "via" ? internet.interfaces : []
  );
  return new Map(
    ([[4, routing.ipv4], [6, routing.ipv6]] as const).map(([family, read]) => {
      const ours = networks.filter(({ block }) => block.family === family);
      return [family, new DomainRoutes(read, interfaces, ours, family, via)];
    }),
  );
}

/** Returns the networks of the domains, in the order of infra.yml. */
export function networksOf(infra: Infra, addressing: Addressing): Ours[] {
  return infra.domains.flatMap(({ name }) => addressing.domains.get(name) ?? []).flatMap((
    address,
  ) =>
    [address, address.ipv6].flatMap((each) => {
      const block = each === undefined ? undefined : ipBlock(each.subnet);
      const gateway = each === undefined ? undefined : ipBlock(each.gateway);
      if (each === undefined || block === undefined || gateway === undefined) return [];
      const { domain, bridge } = address;
      const answered = reachesOut(infra, domain);
      return [{ domain, bridge, subnet: each.subnet, block, gateway, answered, address }];
    })
  );
}

/** True if the domain exchanges packets with hosts beyond the uplink. */
function reachesOut({ domains, policies }: Infra, name: string): boolean {
  const domain = domains.find((each) => each.name === name);
  const beyond = policies.some((policy) =>
    [policy.from, policy.to].some(({ kind }) => kind === "outside" || kind === "cidr")
  );
  return beyond || domain === undefined || domain.internet.kind !== "none" ||
    domain.machines.some(({ publish }) => publish.length > 0);
}

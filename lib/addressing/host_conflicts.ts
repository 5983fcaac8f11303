import type { Diagnostic, SourceRange } from "../diag/diagnostic.ts";
import type { Infra } from "../infra/infra.ts";
import type { Addressing, DomainAddress } from "./addressing.ts";
import type { HostInterface, HostRoute } from "./host_networks.ts";
import { type IpBlock, ipBlock, overlaps } from "./ip_block.ts";

/** The networks that this host already has. */
export interface HostNetworks {
  readonly routes: readonly HostRoute[];
  readonly interfaces: readonly HostInterface[];
  /** Bridges that carry this infra's mark. */
  readonly ownedBridges: ReadonlySet<string>;
  /** Bridges that carry another infra's mark, with its `project_name`. */
  readonly otherInfras?: ReadonlyMap<string, string>;
}

/** Routes as wide as this are a way of saying "everything else": VPNs cut the default route in two (`0.0.0.0/1`). */
const DEFAULT_LENGTH = { 4: 1, 6: 3 } as const;

/** A domain's network, IPv4 or IPv6. */
interface Ours {
  readonly address: DomainAddress;
  readonly subnet: string;
  readonly block: IpBlock;
}

/**
 * Compares the subnets of the domains with what the host has, before a bridge is made: Incus would accept an overlap and
 * the host would lose one of the two networks.
 *
 * An error: a route or an interface inside one of our subnets, or equal to it; a route whose next hop is in one. A
 * warning: a wider route (a VPN's 10.0.0.0/8), since our /24 wins over it on this host. Nothing: a default route, and
 * the bridges of declared domains, which the plan itself changes.
 */
export function findHostConflicts(
  infra: Infra,
  addressing: Addressing,
  host: HostNetworks,
): Diagnostic[] {
  return new ConflictFinder(infra, addressing, host).find();
}

class ConflictFinder {
  readonly #host: HostNetworks;
  readonly #ours: readonly Ours[];
  readonly #ranges: ReadonlyMap<string, SourceRange>;
  readonly #declaredBridges: ReadonlySet<string>;
  readonly #diagnostics: Diagnostic[] = [];
  /** Domain and interface of what was said: an interface and its own route are one conflict. */
  readonly #said = new Set<string>();

  constructor(infra: Infra, addressing: Addressing, host: HostNetworks) {
    const domains = [...addressing.domains.values()];
    this.#host = host;
    this.#ours = domains.flatMap((address) =>
      [address.subnet, address.ipv6?.subnet].flatMap((subnet) => {
        const block = subnet === undefined ? undefined : ipBlock(subnet);
        return subnet === undefined || block === undefined ? [] : [{ address, subnet, block }];
      })
    );
    this.#ranges = new Map(
      infra.domains.map(({ name, range, ranges }) => [name, ranges.get("subnet_id") ?? range]),
    );
    this.#declaredBridges = new Set(domains.map(({ bridge }) => bridge));
  }

  find(): Diagnostic[] {
    for (const { name, addresses } of this.#host.interfaces) {
      if (this.#isOurs(name)) continue;
      for (const address of addresses) this.#checkInterface(name, address);
    }
    for (const route of this.#host.routes) {
      if (route.dev === undefined || !this.#isOurs(route.dev)) this.#checkRoute(route);
    }
    return this.#diagnostics;
  }

  #isOurs(name: string): boolean {
    return this.#declaredBridges.has(name) && this.#host.ownedBridges.has(name);
  }

  #checkInterface(name: string, text: string): void {
    // Of a narrower network the address is inside, of a wider one the route tells.
    const itself = ipBlock(text.split("/", 1)[0] ?? text);
    if (itself === undefined) return;
    for (const ours of this.#ours) {
      if (overlaps(itself, ours.block)) {
        this.#reportConflict(ours, name, `the interface ${name} has ${text}`);
      }
    }
  }

  #checkRoute(route: HostRoute): void {
    const gateway = route.gateway === undefined ? undefined : ipBlock(route.gateway);
    const network = ipBlock(route.dst, gateway?.family);
    const shadowing: Ours[] = [];
    for (const ours of this.#ours) {
      if (gateway !== undefined && overlaps(gateway, ours.block)) {
        this.#reportConflict(
          ours,
          route.dev,
          `the next hop of the route ${describe(route)} is in it`,
        );
      } else if (network !== undefined && overlaps(network, ours.block)) {
        if (network.length >= ours.block.length) {
          this.#reportConflict(ours, route.dev, `the host has the route ${describe(route)}`);
        } else if (network.length > DEFAULT_LENGTH[network.family] && route.dev !== undefined) {
          shadowing.push(ours);
        }
      }
    }
    if (shadowing.length > 0) this.#reportShadowed(route, shadowing);
  }

  #reportConflict(ours: Ours, device: string | undefined, what: string): void {
    const { domain } = ours.address;
    const key = `${domain} ${device ?? what}`;
    if (this.#said.has(key)) return;
    this.#said.add(key);
    const range = this.#ranges.get(domain);
    this.#diagnostics.push({
      severity: "error",
      code: "HOST_NETWORK",
      summary:
        `The subnet of \`${domain}\`, ${ours.subnet}, is already in use on this host: ${what}`,
      ...this.#wayOut(domain, device),
      ...(range === undefined ? {} : { range }),
    });
  }

  #wayOut(domain: string, device: string | undefined): { detail?: string; remedy: string } {
    const other = device === undefined ? undefined : this.#host.otherInfras?.get(device);
    const move = `give \`${domain}\` another \`subnet_id\``;
    if (other !== undefined) {
      return {
        detail: `${device} is a bridge of the infra \`${other}\``,
        remedy: `${move}, or all of one infra another \`zone_base\` under \`global.addressing\``,
      };
    }
    if (device !== undefined && this.#host.ownedBridges.has(device)) {
      return {
        detail: `${device} is the bridge of a domain that infra.yml no longer declares`,
        remedy: `remove it with \`anklume apply --prune\`, or ${move}`,
      };
    }
    return { remedy: `${move}, or change \`global.addressing\`` };
  }

  #reportShadowed(route: HostRoute, shadowing: readonly Ours[]): void {
    const names = shadowing.map(({ address }) => `\`${address.domain}\``);
    const shown = names.length > 4 ? `${names.length} domains` : names.join(", ");
    this.#diagnostics.push({
      severity: "warning",
      code: "HOST_ROUTE_SHADOWED",
      summary: `The route ${describe(route)} contains the subnets of ${shown}`,
      detail: "on this host these addresses lead to the domains, no longer where the route says",
      remedy:
        "nothing, when nobody there uses these addresses; otherwise change `global.addressing`",
    });
  }
}

function describe({ dst, dev, gateway }: HostRoute): string {
  return [dst, gateway && `via ${gateway}`, dev && `over ${dev}`].filter(Boolean).join(" ");
}

import type { Diagnostic, SourceRange } from "../diag/diagnostic.ts";
import { optional } from "../diag/optional.ts";
import type { Infra } from "../infra/infra.ts";
import type { Addressing } from "./addressing.ts";
import {
  because,
  diversionText,
  namesOf,
  routeText,
  wayBack,
  wayBackForAll,
  wayOf,
} from "./diversion_text.ts";
import { domainRoutes, networksOf, type Ours } from "./domain_networks.ts";
import type { Diversion, DomainNetwork, DomainRoutes } from "./domain_route.ts";
import type { HostConflict, HostFindings } from "./host_conflict.ts";
import type { HostNetworks, HostRoute } from "./host_networks.ts";
import { DEFAULT_LENGTH, ipBlock, overlaps } from "./ip_block.ts";

/**
 * Compares the subnets of the domains with the host's networks, before a bridge is created. Incus
 * would accept an overlap, and the host would lose one of the two networks.
 *
 * An error: an interface with an address in one of the subnets; a route whose next hop is in one;
 * packets to a subnet, or to a part of it, that would certainly not leave by its bridge. A warning:
 * packets that a rule of the host selects and that would not leave by the bridge; a route that
 * covers a subnet and loses against it. No finding: a default route that is asked last, and the
 * bridges of declared domains, which the plan itself changes.
 */
export function findHostConflicts(
  infra: Infra,
  addressing: Addressing,
  host: HostNetworks,
): HostFindings {
  return new ConflictFinder(infra, addressing, host).find();
}

class ConflictFinder {
  readonly #host: HostNetworks;
  readonly #ours: readonly Ours[];
  readonly #ways: ReadonlyMap<4 | 6, DomainRoutes>;
  readonly #ranges: ReadonlyMap<string, SourceRange>;
  readonly #disabled: ReadonlySet<string>;
  readonly #declaredBridges: ReadonlySet<string>;
  readonly #conflicts: HostConflict[] = [];
  readonly #warnings: Diagnostic[] = [];
  readonly #held = new Set<string>();
  /** Domain and interface of each finding: an interface and its own route are one conflict. */
  readonly #said = new Set<string>();

  constructor(infra: Infra, addressing: Addressing, host: HostNetworks) {
    this.#host = host;
    this.#ours = networksOf(infra, addressing);
    this.#ways = domainRoutes(infra, addressing, host);
    this.#ranges = new Map(
      infra.domains.map(({ name, range, ranges }) => [name, ranges.get("subnet_id") ?? range]),
    );
    this.#disabled = new Set(
      infra.domains.filter(({ enabled }) => !enabled).map(({ name }) => name),
    );
    this.#declaredBridges = new Set(this.#ours.map(({ bridge }) => bridge));
  }

  find(): HostFindings {
    const { interfaces, routing } = this.#host;
    for (const { name, addresses } of interfaces) {
      if (this.#isOurs(name)) continue;
      for (const address of addresses) this.#checkInterface(name, address);
    }
    for (const family of [4, 6] as const) {
      const ways = this.#ways.get(family);
      const routes = routing?.[`ipv${family}`].routes ?? [];
      const foreign = routes.filter(({ dev }) => dev === undefined || !this.#isOurs(dev));
      const ours = this.#ours.filter(({ block }) => block.family === family);
      if (ways === undefined || ours.length === 0) continue;
      for (const route of foreign) this.#checkNextHop(route, ours);
      this.#reportDiverted(ours.flatMap((network) => this.#diverted(network, ways)));
      this.#warnOfDiversions(ours, ways);
      for (const route of foreign) this.#checkShadow(route, ours, ways);
    }
    return { conflicts: this.#conflicts, warnings: this.#warnings };
  }

  #isOurs(name: string): boolean {
    return this.#declaredBridges.has(name) && this.#host.ownedBridges.has(name);
  }

  #checkInterface(name: string, text: string): void {
    // Only the address itself is compared. A narrower network contains it, and a wider one is found
    // by its route.
    const itself = ipBlock(text.split("/", 1)[0] ?? text);
    if (itself === undefined) return;
    for (const ours of this.#ours) {
      if (overlaps(itself, ours.block)) {
        this.#reportInUse(ours, name, `the interface ${name} has ${text}`);
      }
    }
  }

  #checkNextHop(route: HostRoute, all: readonly Ours[]): void {
    const hop = route.gateway === undefined ? undefined : ipBlock(route.gateway);
    if (hop === undefined || LOCAL_TABLE.has(route.table ?? "")) return;
    for (const ours of all) {
      if (!overlaps(hop, ours.block)) continue;
      this.#reportInUse(ours, route.dev, `the next hop of the route ${routeText(route)} is in it`);
    }
  }

  /**
   * Returns the packets that a domain needs and that leave by another way. If the cause is another
   * network of the host, it is reported here and left out.
   */
  #diverted(ours: Ours, ways: DomainRoutes): Diversion[] {
    return ways.diverted(ours).filter(({ choice: { route, rule } }) => {
      const usual = rule?.table === "main" || rule?.table === "local";
      if (!usual || route === undefined || this.#vrfOf(ours.bridge) !== undefined) return true;
      const block = ipBlock(route.dst, ours.block.family);
      // A wider route could not have won.
      if (block === undefined || block.length < ours.block.length) return true;
      this.#reportInUse(ours, route.dev, `the host has the route ${routeText(route)}`);
      return false;
    });
  }

  /** Reports each cause once: a VPN that takes everything affects all domains. */
  #reportDiverted(all: readonly Diversion[]): void {
    const causes = Map.groupBy(all, ({ network, choice, whose }) => {
      const own = this.#disabled.has(network.domain) || this.#vrfOf(network.bridge) !== undefined;
      return [own ? network.domain : "", whose, choice.kind, because(choice)].join("\n");
    });
    for (const found of causes.values()) {
      const unsaid = found.filter(({ network, choice }) =>
        !this.#said.has(saidOf(network.domain, wayOf(choice)))
      );
      const [first] = unsaid;
      if (first === undefined) continue;
      const vrf = this.#vrfOf(first.network.bridge);
      const diagnostic: Diagnostic = {
        severity: "error",
        code: "HOST_NETWORK",
        summary: `${namesOf(unsaid)} cannot work: ${diversionText(first, unsaid.length > 1)}`,
        detail: "the firewall drops this traffic, and machines get no answers",
        remedy: unsaid.length > 1 ? wayBackForAll(first, vrf) : wayBack(first, vrf),
        ...this.#rangeOf(first.network.domain),
      };
      for (const { network, choice } of unsaid) this.#report(network, wayOf(choice), diagnostic);
    }
  }

  /** Returns the VRF that a bridge is a port of. */
  #vrfOf(bridge: string): string | undefined {
    const { interfaces } = this.#host;
    const master = interfaces.find(({ name }) => name === bridge)?.master;
    return interfaces.find(({ name, kind }) => name === master && kind === "vrf")?.name;
  }

  #reportInUse(ours: Ours, device: string | undefined, what: string): void {
    this.#report(ours, device ?? what, {
      severity: "error",
      code: "HOST_NETWORK",
      summary:
        `The subnet of \`${ours.domain}\`, ${ours.subnet}, is already in use on this host: ${what}`,
      ...this.#wayOut(ours.domain, device),
    });
  }

  /** @param told a diagnostic; without a place it gets the place of the domain */
  #report({ domain }: DomainNetwork, key: string | undefined, told: Diagnostic): void {
    const said = saidOf(domain, key);
    if (this.#said.has(said)) return;
    this.#said.add(said);
    const diagnostic = told.range === undefined ? { ...told, ...this.#rangeOf(domain) } : told;
    // A disabled domain needs no action.
    if (this.#disabled.has(domain)) this.#warnings.push({ ...diagnostic, severity: "warning" });
    else {
      this.#held.add(domain);
      this.#conflicts.push({ domain, diagnostic });
    }
  }

  #rangeOf(domain: string): { range?: SourceRange } {
    const range = this.#ranges.get(domain);
    return optional({ range });
  }

  #wayOut(domain: string, device: string | undefined): { detail?: string; remedy: string } {
    const other = device === undefined ? undefined : this.#host.otherInfras?.get(device);
    const move = `give \`${domain}\` another \`subnet_id\``;
    if (other !== undefined) {
      return {
        detail: `${device} is a bridge of the infra \`${other}\``,
        remedy:
          `${move}, or give one whole infra another \`zone_base\` under \`global.addressing\``,
      };
    }
    if (device !== undefined && this.#host.ownedBridges.has(device)) {
      return {
        detail: `${device} is the bridge of a domain that infra.yml no longer declares`,
        remedy: `remove it with \`anklume apply --prune\`, or ${move}`,
      };
    }
    const leave = device === undefined ? "" : `, or put ${device} on another network`;
    return { remedy: `${move}, or change \`global.addressing\`${leave}` };
  }

  /** Warns once per rule, however many domains it affects. */
  #warnOfDiversions(all: readonly Ours[], ways: DomainRoutes): void {
    const working = all.filter(({ domain }) => !this.#isHeld(domain));
    const diversions = working.flatMap((ours) => ways.maybeDiverted(ours));
    const byRule = Map.groupBy(diversions, ({ choice }) => choice.rule);
    for (const found of byRule.values()) {
      const [first] = found;
      if (first === undefined) continue;
      const names = new Set(found.map(({ network }) => network.domain));
      const others = names.size === 1 ? "" : ` and others (${names.size} domains)`;
      this.#warnings.push({
        severity: "warning",
        code: "HOST_ROUTE_DIVERTED",
        summary: `Some packets to \`${first.network.domain}\`${others} may not arrive: ` +
          diversionText(first),
        detail: "the firewall drops this traffic",
        remedy: `nothing if there are no such packets; otherwise ${
          wayBack(first, this.#vrfOf(first.network.bridge))
        }`,
      });
    }
  }

  #isHeld(domain: string): boolean {
    return this.#held.has(domain);
  }

  /** Warns of a route that covers subnets of domains and loses against them. */
  #checkShadow(route: HostRoute, all: readonly Ours[], ways: DomainRoutes): void {
    const { dev, gateway, table = "main", type } = route;
    if (dev === undefined || type !== undefined) return;
    const hop = gateway === undefined ? undefined : ipBlock(gateway);
    const block = ipBlock(route.dst, all[0]?.block.family);
    if (block === undefined || block.length <= DEFAULT_LENGTH[block.family]) return;
    const shadowed = all.filter((ours) =>
      overlaps(block, ours.block) && !this.#isHeld(ours.domain) &&
      !(hop !== undefined && overlaps(hop, ours.block)) && ways.tablesFor(ours).has(table)
    );
    if (shadowed.length === 0) return;
    const names = shadowed.map(({ domain }) => `\`${domain}\``);
    const shown = names.length > 4 ? `${names.length} domains` : names.join(", ");
    this.#warnings.push({
      severity: "warning",
      code: "HOST_ROUTE_SHADOWED",
      summary: `The route ${routeText(route)} contains addresses of ${shown}`,
      detail:
        "the domains' own routes win: on this host these addresses now lead to the domains, not where that route says",
      remedy: "nothing if nobody there uses these addresses; otherwise change `global.addressing`",
    });
  }
}

const LOCAL_TABLE: ReadonlySet<string> = new Set(["local"]);

function saidOf(domain: string, key: string | undefined): string {
  return `${domain} ${key}`;
}

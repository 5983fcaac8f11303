import type { HostInterface, HostRoute, HostRouting } from "./host_networks.ts";
import type { HostRule } from "./host_rules.ts";
import { addressBlock, type IpBlock, ipBlock, overlaps } from "./ip_block.ts";
import { KernelRoutes, type RouteChoice, type RoutedPacket } from "./kernel_route.ts";
import { optional } from "../diag/optional.ts";

/** A domain's network of one address family. */
export interface DomainNetwork {
  readonly domain: string;
  readonly bridge: string;
  /** `10.120.3.0/24` */
  readonly subnet: string;
  readonly block: IpBlock;
  readonly gateway: IpBlock;
  /** True if packets come to it from outside of the host. */
  readonly answered: boolean;
}

/** Packets to a domain that do not leave by its bridge. */
export interface Diversion {
  readonly network: DomainNetwork;
  readonly choice: RouteChoice;
  /** The sender of the packets, in words: `the host's packets`. */
  readonly whose: string;
}

/** An address somewhere beyond the uplink, from the ranges for documentation (RFC 5737, 3849). */
const OUTSIDE = { 4: "203.0.113.10", 6: "2001:db8::10" } as const;

/**
 * Tells which way packets to the domains take, by the kernel's rules. It assumes that every bridge
 * is up and has its address: a bridge that lost its address is another problem with another fix.
 */
export class DomainRoutes {
  readonly #kernel: KernelRoutes;
  /** Destinations of routes that do not lead into a domain, and of rules. */
  readonly #others: readonly IpBlock[];
  readonly #uplinks: readonly string[];
  readonly #vrfs: ReadonlyMap<string, string>;
  readonly #family: 4 | 6;

  /**
   * @param via interfaces by which `infra.yml` lets some domain out, in addition to the default
   * routes
   */
  constructor(
    { routes, rules }: HostRouting,
    interfaces: readonly HostInterface[],
    networks: readonly DomainNetwork[],
    family: 4 | 6,
    via: readonly string[] = [],
  ) {
    this.#family = family;
    this.#vrfs = vrfsOf(interfaces);
    const presumed = networks.map(({ bridge, subnet }): HostRoute => {
      const table = this.#vrfs.get(bridge);
      return {
        dst: subnet,
        dev: bridge,
        ...optional({ table }),
        // The kernel gives connected routes this metric.
        ...(family === 4 ? {} : { metric: 256 }),
      };
    });
    const subnets = new Map(networks.map(({ bridge, subnet }) => [bridge, subnet]));
    // The plan itself removes other routes over a domain's bridge, such as that of its old subnet.
    const lasting = routes.filter(({ dev = "", dst }) => (subnets.get(dev) ?? dst) === dst);
    this.#kernel = new KernelRoutes({ routes: [...lasting, ...presumed], rules }, family);
    this.#others = [
      ...lasting.filter(({ dev = "" }) => !subnets.has(dev)).map(({ dst }) => dst),
      ...rules.flatMap(({ to }) => to ?? []),
    ].flatMap((text) => ipBlock(text, family) ?? []).filter((block) => block.family === family);
    const ways = routes.filter(({ dst, table }) => dst === "default" && table === undefined);
    this.#uplinks = [...new Set([...ways.flatMap(({ dev }) => dev ?? []), ...via])];
  }

  /** Returns the packets that the domain needs and that certainly leave by another way. */
  diverted(network: DomainNetwork): Diversion[] {
    const usual = [...this.#own(network), ...network.answered ? this.#fromOutside() : []];
    return this.#followed(network, usual).filter(({ choice }) => choice.certain);
  }

  /**
   * Returns the packets that a rule selects and that then leave by another way. Only somebody who
   * knows the whole host can tell whether there are such packets.
   */
  maybeDiverted(network: DomainNetwork): Diversion[] {
    const picked = this.#kernel.rules.flatMap((rule) => this.#picked(rule, network));
    return [
      ...this.#followed(network, [...this.#own(network), ...this.#fromOutside()])
        .filter(({ choice }) => !choice.certain),
      ...this.#followed(network, picked),
    ];
  }

  /**
   * Returns the possible results for a packet that the host sends or that arrives at `iif`. The
   * last one is certain.
   */
  choices(to: string, iif = "lo"): RouteChoice[] {
    const block = ipBlock(to);
    return block?.family === this.#family
      ? this.#kernel.choices({ to: block, iif, ...this.#vrfOf(iif) })
      : [];
  }

  /**
   * Returns the tables that are searched for the host's packets to a domain, as long as no earlier
   * table has a route for them.
   */
  tablesFor({ block }: DomainNetwork): ReadonlySet<string> {
    return this.#kernel.tablesFor({ to: inside(block), iif: "lo" });
  }

  #own({ gateway }: DomainNetwork): Asked[] {
    return [
      { whose: "the host's packets", packet: { iif: "lo" } },
      { whose: "its gateway's answers", packet: { iif: "lo", from: gateway } },
    ];
  }

  #fromOutside(): Asked[] {
    const from = ipBlock(OUTSIDE[this.#family]);
    return this.#uplinks.map((iif) => ({
      whose: `answers that come in by ${iif}`,
      packet: { iif, ...optional({ from }), ...this.#vrfOf(iif) },
    }));
  }

  /** Returns a packet that matches a rule with selectors. */
  #picked(rule: HostRule, { bridge, block }: DomainNetwork): Asked[] {
    const { iif = "lo", mark, uids } = rule;
    const source = rule.from === undefined ? undefined : ipBlock(rule.from, this.#family);
    // Neighbours on one network reach each other without a route.
    const neighbours = iif === bridge || (source !== undefined && overlaps(source, block));
    if (isPlain(rule) || rule.not || rule.oif !== undefined || neighbours) return [];
    const words = [
      rule.iif === undefined ? "" : `come in by ${iif}`,
      rule.from === undefined ? "" : `come from ${rule.from}`,
      mark === undefined ? "" : `carry the mark 0x${mark.value.toString(16)}`,
      uids === undefined ? "" : `are sent by user ${uids[0]}`,
    ].filter((word) => word !== "");
    if (words.length === 0) return [];
    return [{
      whose: `packets that ${words.join(" and ")}`,
      packet: {
        iif,
        ...optional({ from: source && inside(source), mark: mark?.value, uid: uids?.[0] }),
        ...this.#vrfOf(iif),
      },
    }];
  }

  #followed(network: DomainNetwork, asked: readonly Asked[]): Diversion[] {
    const points = pointsWithin(network.block, this.#others);
    return asked.flatMap(({ whose, packet }) =>
      points.flatMap((to) =>
        this.#kernel.choices({ ...packet, to })
          .filter(({ kind, certain, route }) =>
            route?.dev !== network.bridge && (certain || kind !== "nowhere")
          )
          .map((choice) => ({ network, choice, whose }))
      )
    );
  }

  #vrfOf(name: string): { vrf?: string } {
    const vrf = this.#vrfs.get(name);
    return optional({ vrf });
  }
}

interface Asked {
  readonly whose: string;
  readonly packet: Omit<RoutedPacket, "to">;
}

/**
 * Returns addresses of a network, at least one of each part that routes and rules may treat
 * differently. `others` are the networks that routes and rules name.
 */
function pointsWithin(network: IpBlock, others: readonly IpBlock[]): IpBlock[] {
  const points = new Set([network.first + 1n]);
  for (const block of others) {
    if (block.length <= network.length || !overlaps(block, network)) continue;
    points.add(inside(block).first);
    if (block.last < network.last) points.add(block.last + 1n);
  }
  return [...points].map((point) => addressBlock(point, network.family));
}

/** Returns an address of a network that a host can have. */
function inside({ first, last, family }: IpBlock): IpBlock {
  return addressBlock(first === last ? first : first + 1n, family);
}

/** True if a rule applies to every packet that the host sends. */
function isPlain(rule: HostRule): boolean {
  return rule.from === undefined && rule.iif === undefined && rule.oif === undefined &&
    rule.mark === undefined && rule.uids === undefined && rule.others === undefined &&
    rule.l3mdev === undefined;
}

/** Returns, for each interface that is a port of a VRF, the table of that VRF. */
function vrfsOf(interfaces: readonly HostInterface[]): Map<string, string> {
  const tables = new Map(
    interfaces.flatMap(({ name, kind, table }) =>
      kind === "vrf" && table !== undefined ? [[name, table] as const] : []
    ),
  );
  return new Map(interfaces.flatMap(({ name, master }) => {
    const table = master === undefined ? undefined : tables.get(master);
    return table === undefined ? [] : [[name, table] as const];
  }));
}

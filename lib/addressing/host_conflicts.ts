import type { Diagnostic, SourceRange } from "../diag/diagnostic.ts";
import type { Infra } from "../infra/infra.ts";
import type { Addressing, DomainAddress } from "./addressing.ts";
import { type Diversion, type DomainNetwork, DomainRoutes } from "./domain_route.ts";
import type { HostInterface, HostRoute, HostRouting } from "./host_networks.ts";
import { ipBlock, overlaps } from "./ip_block.ts";
import { optional } from "../diag/optional.ts";

/** The networks that this host already has. */
export interface HostNetworks {
  /** Undefined if the host's routing could not be read. */
  readonly routing?: { readonly ipv4: HostRouting; readonly ipv6: HostRouting } | undefined;
  readonly interfaces: readonly HostInterface[];
  /** Bridges that carry this infra's mark. */
  readonly ownedBridges: ReadonlySet<string>;
  /** Bridges that carry another infra's mark, with its `project_name`. */
  readonly otherInfras?: ReadonlyMap<string, string>;
}

/**
 * A domain that cannot work on this host in its present state. If one cause affects several
 * domains, they share one diagnostic object.
 */
export interface HostConflict {
  readonly domain: string;
  readonly diagnostic: Diagnostic;
}

/** Returns each diagnostic once: domains may share a cause. */
export function diagnosticsOf(conflicts: readonly HostConflict[]): Diagnostic[] {
  return [...new Set(conflicts.map(({ diagnostic }) => diagnostic))];
}

export interface HostFindings {
  /**
   * Errors. Nothing is created or started for these domains; the other domains are not affected.
   */
  readonly conflicts: readonly HostConflict[];
  readonly warnings: readonly Diagnostic[];
}

/**
 * Routes with at most this prefix length count as a default route: VPNs split it in two
 * (`0.0.0.0/1`).
 */
const DEFAULT_LENGTH = { 4: 1, 6: 3 } as const;

/** A domain's network, IPv4 or IPv6. */
interface Ours extends DomainNetwork {
  readonly address: DomainAddress;
}

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
function networksOf(infra: Infra, addressing: Addressing): Ours[] {
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
      this.#reportInUse(ours, route.dev, `the next hop of the route ${describe(route)} is in it`);
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
      this.#reportInUse(ours, route.dev, `the host has the route ${describe(route)}`);
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
      const diagnostic: Diagnostic = {
        severity: "error",
        code: "HOST_NETWORK",
        summary: `${namesOf(unsaid)} cannot work: ${diversionText(first, unsaid.length > 1)}`,
        detail: "the firewall drops this traffic, and machines get no answers",
        remedy: unsaid.length > 1 ? this.#wayBackForAll(first) : this.#wayBack(first),
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

  #wayBack({ network, choice }: Diversion): string {
    const { bridge, block, subnet } = network;
    const move = moveOf(network, choice);
    const vrf = this.#vrfOf(bridge);
    if (vrf !== undefined) return `\`ip link set ${bridge} nomaster\` takes it out of ${vrf}`;
    const ip = block.family === 4 ? "ip" : "ip -6";
    const { rule } = choice;
    if (rule === undefined) return MAIN_AGAIN(ip);
    const fix = rule.priority > 1
      ? `\`${ip} rule add pref ${rule.priority - 1} to ${subnet} lookup main\``
      : `\`${ip} route add throw ${subnet} table ${rule.table ?? "main"}\``;
    return `${fix} sends them through the bridge again ${UNTIL}${move}`;
  }

  /**
   * Returns the command that sends packets for the host's own networks back to them, as wg-quick
   * does.
   */
  #wayBackForAll(first: Diversion): string {
    const { network, choice: { rule } } = first;
    const ip = network.block.family === 4 ? "ip" : "ip -6";
    if (rule === undefined) return MAIN_AGAIN(ip);
    if (rule.priority <= 1) return `${this.#wayBack(first)}; the same for the others`;
    return `\`${ip} rule add pref ${
      rule.priority - 1
    } lookup main suppress_prefixlength 0\` makes ` +
      `the host use the routes of its own networks first ${UNTIL}`;
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
        remedy: `nothing if there are no such packets; otherwise ${this.#wayBack(first)}`,
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
      summary: `The route ${describe(route)} contains addresses of ${shown}`,
      detail:
        "the domains' own routes win: on this host these addresses now lead to the domains, not where that route says",
      remedy: "nothing if nobody there uses these addresses; otherwise change `global.addressing`",
    });
  }
}

const LOCAL_TABLE: ReadonlySet<string> = new Set(["local"]);

const UNTIL = "until the next boot (a VPN's client may have a setting for local networks)";
const MAIN_AGAIN = (ip: string) => `\`${ip} rule add pref 32766 lookup main\``;

/** Returns `, or give ...` if a move helps. No move helps against a route that takes everything. */
function moveOf({ domain, block }: DomainNetwork, { route }: Diversion["choice"]): string {
  const taken = ipBlock(route?.dst ?? "default", block.family);
  if (taken === undefined || taken.length <= DEFAULT_LENGTH[block.family]) return "";
  // A domain keeps the first two octets for every `subnet_id`.
  return block.family === 4 && taken.length <= 16
    ? ", or change `global.addressing`"
    : `, or give \`${domain}\` another \`subnet_id\``;
}

function saidOf(domain: string, key: string | undefined): string {
  return `${domain} ${key}`;
}

function wayOf({ route, rule }: Diversion["choice"]): string | undefined {
  return route?.dev ?? rule?.text;
}

/** Returns `\`pro\`, \`lab\` and 3 others`. */
function namesOf(all: readonly Diversion[]): string {
  const names = [...new Set(all.map(({ network }) => `\`${network.domain}\``))];
  if (names.length > 4) return `${names.slice(0, 3).join(", ")} and ${names.length - 3} others`;
  return names.length === 1 ? names[0]! : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

/**
 * Returns a sentence about where packets go instead, and why.
 * @param ofMany true for several domains
 */
function diversionText({ network, choice, whose }: Diversion, ofMany = false): string {
  const { kind, rule, route } = choice;
  const [subnet, bridge] = ofMany ? ["them", "their bridges"] : [network.subnet, network.bridge];
  const where = {
    device: `leave by ${route?.dev}, not by ${bridge}`,
    local: "stay on the host",
    dropped: "are dropped",
    nowhere: "have no route",
  }[kind];
  return `${whose} to ${subnet} ${where}${because(choice)}` +
    (rule === undefined && route === undefined ? ": no rule asks for the table main" : "");
}

/** Returns ` (rule 5270: from all lookup 52, route 10.0.0.0/8 over tun0 in table 52)`. */
export function because({ rule, route }: Diversion["choice"]): string {
  if (rule === undefined) return "";
  const found = route === undefined ? "" : `, route ${describe(route)}`;
  return ` (rule ${rule.text}${found})`;
}

function describe({ dst, dev, gateway, table, type }: HostRoute): string {
  return [
    type,
    dst,
    gateway && `via ${gateway}`,
    dev && `over ${dev}`,
    table && `in table ${table}`,
  ].filter(Boolean).join(" ");
}

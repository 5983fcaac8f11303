import type { HostRoute, HostRouting } from "./host_networks.ts";
import { DEFAULT_RULES, type HostRule } from "./host_rules.ts";
import { type IpBlock, ipBlock, overlaps } from "./ip_block.ts";

/** The properties of a packet that rules can select. */
export interface RoutedPacket {
  /** The destination. */
  readonly to: IpBlock;
  /** The source; absent for a socket of the host that has no address yet. */
  readonly from?: IpBlock;
  /** The interface at which the packet arrived; `lo` if the host itself sends it. */
  readonly iif: string;
  /** Default 0. */
  readonly mark?: number;
  /** The id of the user who sends it. Default 0. A forwarded packet has no user and counts as 0. */
  readonly uid?: number;
  /** The table of the VRF at which it arrived. */
  readonly vrf?: string;
}

/** The kernel's decision about a packet. */
export interface RouteChoice {
  /**
   * `device`: it leaves by `route.dev`. `local`: the host takes it. `dropped`: a rule or a route
   * drops it. `nowhere`: there is no route.
   */
  readonly kind: "device" | "local" | "dropped" | "nowhere";
  /** False if the decision depends on a selector that cannot be judged. */
  readonly certain: boolean;
  readonly rule?: HostRule;
  readonly route?: HostRoute;
}

type Match = "yes" | "no" | "maybe";

interface RouteEntry {
  readonly route: HostRoute;
  readonly block: IpBlock;
}

/**
 * Routes of one prefix length by their first address. Of equal routes it contains the one that
 * wins.
 */
type Prefixes = Map<bigint, RouteEntry>;

/** If more rules than this are visited, there is a loop. */
const MOST_STEPS = 10_000;
const LOCAL_TYPES: ReadonlySet<string> = new Set(["local", "broadcast", "anycast", "multicast"]);

/**
 * Finds routes as the kernel does: rule by rule in their order; in each table the longest prefix,
 * then the lowest metric, then the first route. The kernel itself is not asked, because it answers
 * for one address at a time and only after the bridges exist. `tests/nftables/kernel_route_test.ts`
 * compares the results with `ip route get`.
 *
 * Source: Linux, `net/core/fib_rules.c`, `net/ipv4/fib_rules.c`, `net/ipv6/fib6_rules.c`.
 */
export class KernelRoutes {
  readonly #rules: readonly HostRule[];
  /** For each table its prefix lengths, longest first. */
  readonly #tables = new Map<string, Map<number, Prefixes>>();
  readonly #family: 4 | 6;

  constructor({ routes, rules }: HostRouting, family: 4 | 6) {
    this.#family = family;
    this.#rules = rules.length === 0 ? DEFAULT_RULES : rules;
    for (const route of routes) {
      const block = ipBlock(route.dst, family);
      if (block?.family === family) this.#add(route.table ?? "main", { route, block });
    }
    for (const [name, table] of this.#tables) {
      this.#tables.set(name, new Map([...table].toSorted(([a], [b]) => b - a)));
    }
  }

  #add(name: string, entry: RouteEntry): void {
    const { route, block } = entry;
    const table = this.#tables.get(name) ?? new Map<number, Prefixes>();
    this.#tables.set(name, table);
    const prefixes: Prefixes = table.get(block.length) ?? new Map();
    table.set(block.length, prefixes);
    const other = prefixes.get(block.first)?.route;
    // Of equal routes the kernel takes the first.
    if (other === undefined || (route.metric ?? 0) < (other.metric ?? 0)) {
      prefixes.set(block.first, entry);
    }
  }

  get rules(): readonly HostRule[] {
    return this.#rules;
  }

  /**
   * Returns the possible decisions about a packet, in the order of the rules. The last one is
   * certain, the others are not.
   */
  choices(packet: RoutedPacket): RouteChoice[] {
    const found: RouteChoice[] = [];
    this.#walk(packet, 0, true, found, { left: MOST_STEPS });
    return found;
  }

  /**
   * Returns the tables that are searched for a packet, as long as no earlier table has a route for
   * it.
   */
  tablesFor(packet: RoutedPacket): ReadonlySet<string> {
    const asked = this.#rules.filter((rule) => matches(rule, packet) === "yes");
    return new Set(asked.flatMap(({ table }) => table ?? []));
  }

  #walk(
    packet: RoutedPacket,
    start: number,
    certain: boolean,
    found: RouteChoice[],
    steps: { left: number },
  ): void {
    for (let i = start; i < this.#rules.length && steps.left-- > 0; i++) {
      const rule = this.#rules[i]!;
      const match = matches(rule, packet);
      if (match === "no" || rule.action === "nothing") continue;
      const sure = certain && match === "yes";
      if (rule.action === "goto") {
        const next = this.#rules.findIndex(({ priority }) => priority >= (rule.target ?? 0));
        // The kernel accepts only targets that come later.
        if (next <= i) continue;
        if (match === "yes") return this.#walk(packet, next, certain, found, steps);
        this.#walk(packet, next, false, found, steps);
        continue;
      }
      const choice = this.#act(rule, packet);
      if (choice === undefined) continue;
      const maySuppress = rule.suppressGroup === true && choice.kind === "device";
      found.push({ ...choice, certain: sure && !maySuppress });
      if (match === "yes" && !maySuppress) return;
    }
    found.push({ kind: "nowhere", certain });
  }

  #act(rule: HostRule, packet: RoutedPacket): Omit<RouteChoice, "certain"> | undefined {
    if (rule.action === "drop") return { kind: "dropped", rule };
    const table = rule.l3mdev ? packet.vrf : rule.table;
    const entry = table === undefined ? undefined : this.#lookUp(table, packet.to);
    if (entry === undefined || entry.route.type === "throw") return undefined;
    const { route } = entry;
    const { suppressLength } = rule;
    if (suppressLength !== undefined && entry.block.length <= suppressLength) return undefined;
    if (route.type === undefined) return { kind: "device", rule, route };
    return { kind: LOCAL_TYPES.has(route.type) ? "local" : "dropped", rule, route };
  }

  #lookUp(table: string, { first }: IpBlock): RouteEntry | undefined {
    const bits = this.#family === 4 ? 32 : 128;
    for (const [length, prefixes] of this.#tables.get(table) ?? []) {
      const host = BigInt(bits - length);
      const found = prefixes.get((first >> host) << host);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

function matches(rule: HostRule, packet: RoutedPacket): Match {
  const judged = judge(rule, packet);
  if (rule.not !== true || judged === "maybe") return judged;
  return judged === "yes" ? "no" : "yes";
}

function judge(rule: HostRule, { to, from, iif, mark = 0, uid = 0, vrf }: RoutedPacket): Match {
  const { family } = to;
  const within = (network: string, address: IpBlock | undefined) => {
    const block = ipBlock(network, family);
    if (block === undefined || block.length === 0) return true;
    return address !== undefined && overlaps(block, address);
  };
  if (rule.iif !== undefined && rule.iif !== iif) return "no";
  // No packet here is sent by a socket that is bound to an interface.
  if (rule.oif !== undefined) return "no";
  if (rule.l3mdev && vrf === undefined) return "no";
  if (rule.to !== undefined && !within(rule.to, to)) return "no";
  if (rule.from !== undefined && !within(rule.from, from)) return "no";
  if (rule.mark !== undefined && ((mark ^ rule.mark.value) & rule.mark.mask) !== 0) return "no";
  if (rule.uids !== undefined && (uid < rule.uids[0] || uid > rule.uids[1])) return "no";
  return rule.others === undefined ? "yes" : "maybe";
}

/**
 * Ports of the host that rules redirect: another infra's `publish`, Incus's network forwards,
 * Docker's ports.
 */
export interface Redirect {
  /** undefined: each protocol that has ports. */
  readonly protocol?: "tcp" | "udp";
  readonly first: number;
  readonly last: number;
  /** The packet's target address, if the rule names one. */
  readonly address?: string;
  /** `inet anklume_other`, `ip nat` */
  readonly table: string;
}

/** The parts of libnftables-json(5) that are read here. */
interface NftEntry {
  readonly chain?: NftNamed & { readonly hook?: string };
  readonly rule?: NftNamed & { readonly chain: string; readonly expr?: readonly Expression[] };
  readonly map?: NftNamed & { readonly elem?: readonly (readonly [NftKey, unknown])[] };
}
interface NftNamed {
  readonly family: string;
  readonly table: string;
  readonly name: string;
}
interface Expression {
  readonly match?: { readonly op: string; readonly left: Left; readonly right: unknown };
  readonly [statement: string]: unknown;
}
interface Left {
  readonly payload?: { readonly protocol?: string; readonly field?: string };
  readonly meta?: { readonly key?: string };
}
type NftKey = { readonly elem?: { readonly val?: NftKey }; readonly concat?: readonly unknown[] };

/**
 * Reads destination NAT of incoming packets from `nft -j -t list ruleset`, without anklume's own
 * tables: `parsePublished` reads their maps. A rule with a condition that is not read here (a mark,
 * a time) is assumed to match.
 */
export function parseRedirects(json: string): Redirect[] {
  const { nftables } = JSON.parse(json) as { readonly nftables: readonly NftEntry[] };
  const id = ({ family, table }: NftNamed, chain: string) => `${family} ${table} ${chain}`;
  const hooks = new Map(
    nftables.flatMap(({ chain }) => chain?.hook ? [[id(chain, chain.name), chain.hook]] : []),
  );
  return nftables.flatMap(({ rule }) => {
    if (rule === undefined || rule.table.startsWith("anklume_")) return [];
    const { expr = [], family, table } = rule;
    // A chain without a hook is reached by a jump from one with a hook.
    if ((hooks.get(id(rule, rule.chain)) ?? "prerouting") !== "prerouting") return [];
    return expr.some((part) => redirects(part, table)) && !expr.some(isElsewhere)
      ? portsOf(expr).map((ports) => ({
        ...ports,
        ...addressOf(expr),
        table: `${family} ${table}`,
      }))
      : [];
  });
}

/** True if the statement redirects. nft shows iptables' own targets by name only, or not at all. */
function redirects(part: Expression, table: string): boolean {
  if ("dnat" in part || "redirect" in part) return true;
  return "xt" in part && table === "nat" &&
    !/"name":"(?!DNAT|REDIRECT)/.test(JSON.stringify(part.xt));
}

/**
 * True if the packet comes from the host itself, or from a bridge of Incus or Docker, never from
 * outside.
 */
function isElsewhere({ match }: Expression): boolean {
  const key = match?.left.meta?.key;
  return match?.op === "==" && (key === "iifname" || key === "iif") &&
    typeof match.right === "string" &&
    /^(?:lo$|net-|docker|br-|incusbr|lxdbr|virbr)/.test(match.right);
}

function portsOf(expr: readonly Expression[]): Omit<Redirect, "table">[] {
  const found = expr.flatMap(({ match }) => {
    if (match?.op !== "==" || match.left.payload?.field !== "dport") return [];
    const { protocol } = match.left.payload;
    const known = protocol === "tcp" || protocol === "udp" ? { protocol } as const : {};
    return rangesIn(match.right).map(([first, last]) => ({ ...known, first, last }));
  });
  // iptables' multiport, or a rule for all ports.
  return found.length === 0 ? [{ first: 1, last: 65_535 }] : found;
}

function rangesIn(right: unknown): (readonly [number, number])[] {
  if (typeof right === "number") return [[right, right]];
  if (typeof right !== "object" || right === null) return [];
  const { set, range } = right as { set?: unknown; range?: unknown };
  if (Array.isArray(range)) return [[Number(range[0]), Number(range[1])]];
  return Array.isArray(set) ? set.flatMap(rangesIn) : [];
}

function addressOf(expr: readonly Expression[]): { address?: string } {
  const address = expr.find(({ match }) =>
    match?.op === "==" && match.left.payload?.field === "daddr" && typeof match.right === "string"
  )?.match?.right;
  return typeof address === "string" ? { address } : {};
}

/** Returns the names of the tables of anklume's infras. */
export function parseAnklumeTables(json: string): string[] {
  const { nftables } = JSON.parse(json) as { readonly nftables: readonly NftEntry[] };
  return nftables.flatMap(({ chain }) =>
    chain?.family === "inet" && chain.table.startsWith("anklume_") && chain.name === "prerouting"
      ? [chain.table]
      : []
  );
}

/**
 * Returns the keys of a `publish` map as `tcp 22`, from `nft -j list map inet anklume_X publish`.
 */
export function parsePublished(json: string): string[] {
  const { nftables } = JSON.parse(json) as { readonly nftables: readonly NftEntry[] };
  return nftables.flatMap(({ map }) =>
    (map?.elem ?? []).flatMap(([key]) => {
      const concat = key.concat ?? key.elem?.val?.concat;
      return concat === undefined ? [] : [`${concat[0]} ${concat[1]}`];
    })
  );
}

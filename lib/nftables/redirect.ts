/** Ports of the host that rules send elsewhere: another infra's `publish`, Incus's network forwards, Docker's ports. */
export interface Redirect {
  /** undefined: every protocol that has ports. */
  readonly protocol?: "tcp" | "udp";
  readonly first: number;
  readonly last: number;
  /** Of the packet, where the rule asks for one. */
  readonly address?: string;
  /** `inet anklume_other`, `ip nat` */
  readonly table: string;
}

/** What of libnftables-json(5) is read here. */
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
 * Destination NAT of packets that come in, from `nft -j -t list ruleset`, anklume's own tables left out: their maps have another
 * reader. Of a rule that asks for what is not read here (a mark, a time) it is assumed that it fits.
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
    // A chain without a hook is jumped to from one that has it.
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

/** iptables' own targets are no more than a name, or nothing at all, to nft. */
function redirects(part: Expression, table: string): boolean {
  if ("dnat" in part || "redirect" in part) return true;
  return "xt" in part && table === "nat" &&
    !/"name":"(?!DNAT|REDIRECT)/.test(JSON.stringify(part.xt));
}

/** It comes in by the host itself, or by a bridge of Incus's or Docker's: nobody outside does. */
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
  // iptables' multiport, or every port.
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

/** Names of the tables of anklume's infras. */
export function parseAnklumeTables(json: string): string[] {
  const { nftables } = JSON.parse(json) as { readonly nftables: readonly NftEntry[] };
  return nftables.flatMap(({ chain }) =>
    chain?.family === "inet" && chain.table.startsWith("anklume_") && chain.name === "prerouting"
      ? [chain.table]
      : []
  );
}

/** `tcp 22`: the keys of a `publish` map, from `nft -j list map inet anklume_X publish`. */
export function parsePublished(json: string): string[] {
  const { nftables } = JSON.parse(json) as { readonly nftables: readonly NftEntry[] };
  return nftables.flatMap(({ map }) =>
    (map?.elem ?? []).flatMap(([key]) => {
      const concat = key.concat ?? key.elem?.val?.concat;
      return concat === undefined ? [] : [`${concat[0]} ${concat[1]}`];
    })
  );
}

import { jsonNumber, type JsonObject, textOf } from "./ip_json.ts";
import { optional } from "../diag/optional.ts";

/** The action of a rule on a packet that its selectors match. */
type RuleAction = "lookup" | "goto" | "nothing" | "drop";

/** One line of `ip rule`, of one family. A selector that is absent matches every packet. */
export interface HostRule {
  readonly priority: number;
  /** The rule applies to packets that do not match the selectors. */
  readonly not?: boolean;
  /** Networks: `10.0.0.0/8`. */
  readonly from?: string;
  readonly to?: string;
  /** The interface at which a packet arrived; `lo` for packets that the host itself sends. */
  readonly iif?: string;
  /** The interface that the socket is bound to. */
  readonly oif?: string;
  readonly mark?: { readonly value: number; readonly mask: number };
  /** First and last user id. */
  readonly uids?: readonly [number, number];
  /** The table is that of the packet's VRF. */
  readonly l3mdev?: boolean;
  /**
   * Selectors that cannot be judged without a real packet (`ipproto tcp`, `dport 22`), and unknown
   * ones.
   */
  readonly others?: readonly string[];
  readonly action: RuleAction;
  readonly table?: string;
  readonly target?: number;
  /** Routes with a prefix of this length or shorter do not count. */
  readonly suppressLength?: number;
  /**
   * Routes by interfaces of some group do not count. The members of the group are not known here.
   */
  readonly suppressGroup?: boolean;
  /** The rule as `ip rule` prints it: `5270: from all lookup 52`. */
  readonly text: string;
}

/** Keys that are no selectors, or are read below. Any other key is an unknown selector. */
const KNOWN: ReadonlySet<string> = new Set([
  ...["priority", "not", "src", "srclen", "dst", "dstlen", "iif", "iif_detached", "oif"],
  ...["oif_detached", "fwmark", "fwmask", "uid_start", "uid_end", "l3mdev", "table", "action"],
  ...["goto", "unresolved", "nop", "suppress_prefixlen", "suppress_ifgroup", "protocol"],
  ...["flow_from", "flow_to", "family"],
]);

const DROPS: ReadonlySet<unknown> = new Set(["blackhole", "unreachable", "prohibit"]);

/** The kernel's rules, if none are given. */
export const DEFAULT_RULES: readonly HostRule[] = [
  { priority: 0, action: "lookup", table: "local", text: "0: from all lookup local" },
  { priority: 32_766, action: "lookup", table: "main", text: "32766: from all lookup main" },
];

/**
 * Reads one object of `ip -json rule show` (iproute2's `ip/iprule.c`). Returns undefined if it is
 * not a rule.
 */
export function ruleOf(entry: JsonObject): HostRule | undefined {
  const priority = jsonNumber(entry["priority"]);
  if (priority === undefined) return undefined;
  const [from, to] = [network(entry, "src"), network(entry, "dst")];
  const [iif, oif, table] = [textOf(entry["iif"]), textOf(entry["oif"]), textOf(entry["table"])];
  const [value, mask = 0xffff_ffff] = [jsonNumber(entry["fwmark"]), jsonNumber(entry["fwmask"])];
  const [first, last] = [jsonNumber(entry["uid_start"]), jsonNumber(entry["uid_end"])];
  const others = Object.keys(entry).filter((key) => !KNOWN.has(key));
  const suppressLength = jsonNumber(entry["suppress_prefixlen"]);
  const target = jsonNumber(entry["goto"]);
  const l3mdev = "l3mdev" in entry;
  return {
    priority,
    ...("not" in entry ? { not: true } : {}),
    ...optional({
      from,
      to,
      iif,
      oif,
      mark: value === undefined ? undefined : { value, mask },
      uids: first === undefined ? undefined : [first, last ?? first] as const,
      others: others.length === 0 ? undefined : others,
    }),
    ...(l3mdev ? { l3mdev } : {}),
    action: actionOf(entry, table !== undefined || l3mdev),
    ...optional({ table, target, suppressLength }),
    ...("suppress_ifgroup" in entry ? { suppressGroup: true } : {}),
    text: ruleText(entry),
  };
}

function actionOf(entry: JsonObject, looksUp: boolean): RuleAction {
  if (DROPS.has(entry["action"])) return "drop";
  if (looksUp) return "lookup";
  return "goto" in entry && !("unresolved" in entry) ? "goto" : "nothing";
}

/** Returns the network of `src` and `srclen`, or of `dst` and `dstlen`; undefined for all. */
function network(entry: JsonObject, key: "src" | "dst"): string | undefined {
  const address = textOf(entry[key]);
  if (address === undefined || address === "all") return undefined;
  const length = jsonNumber(entry[`${key}len`]);
  return length === undefined ? address : `${address}/${length}`;
}

/** Returns the rule in nearly the form of `ip rule`, without the parts about its origin. */
function ruleText(entry: JsonObject): string {
  const words = [
    "not" in entry ? "not" : "",
    `from ${network(entry, "src") ?? "all"}`,
    ...(["dst", "fwmark", "iif", "oif", "uid_start", "ipproto", "sport", "dport"] as const)
      .flatMap((key) => selectorText(entry, key)),
    "l3mdev" in entry ? "lookup [l3mdev-table]" : "",
    "table" in entry ? `lookup ${String(entry["table"])}` : "",
    "suppress_prefixlen" in entry ? `suppress_prefixlength ${entry["suppress_prefixlen"]}` : "",
    "goto" in entry ? `goto ${String(entry["goto"])}` : "",
    typeof entry["action"] === "string" ? entry["action"] : "",
  ];
  return `${String(entry["priority"])}: ${words.filter((word) => word !== "").join(" ")}`;
}

function selectorText(entry: JsonObject, key: string): string[] {
  if (key === "dst") {
    const to = network(entry, "dst");
    return to === undefined ? [] : [`to ${to}`];
  }
  const value = entry[key] ?? entry[`${key}_start`];
  if (value === undefined) return [];
  if (key === "uid_start") return [`uidrange ${String(value)}-${String(entry["uid_end"])}`];
  if (key === "fwmark" && "fwmask" in entry) {
    return [`fwmark ${String(value)}/${String(entry["fwmask"])}`];
  }
  return [`${key} ${String(value)}`];
}

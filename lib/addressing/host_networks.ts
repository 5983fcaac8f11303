import { type HostRule, ruleOf } from "./host_rules.ts";
import { ipObjects, isObject, jsonNumber, type JsonObject, objectsOf, textOf } from "./ip_json.ts";
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

/** One line of `ip route`. */
export interface HostRoute {
  /** An address, a network, or `default`. */
  readonly dst: string;
  /** The interface; a route of type `blackhole`, `unreachable` or `prohibit` has none. */
  readonly dev?: string;
  /** The next hop. */
  readonly gateway?: string;
  /** Default: `main`. */
  readonly table?: string;
  /** Default: 0. The lowest metric wins. */
  readonly metric?: number;
  /** `throw`, `blackhole`, `local` …; absent for an ordinary route. */
  readonly type?: string;
}

export interface HostInterface {
  readonly name: string;
  /** With prefix lengths: `192.0.2.2/24`. */
  readonly addresses: readonly string[];
  /** True if the interface is administratively up. */
  readonly up?: boolean;
  /** The bridge or VRF that it is a port of. */
  readonly master?: string;
  /** `bridge`, `veth`, `vrf` …; absent for a network card. */
  readonly kind?: string;
  /** The table of a VRF. */
  readonly table?: string;
  /** Settings of a bridge as numbers: `no_linklocal_learn`, `vlan_filtering`. */
  readonly settings?: Readonly<Record<string, number>>;
}

/** Routes and rules of one address family, as `ip` prints them. */
export interface HostRouting {
  readonly routes: readonly HostRoute[];
  readonly rules: readonly HostRule[];
}

/**
 * Reads the output of `route show table all` and `rule show` of one family, in one text, as
 * `ip -json -batch` prints them. A route with several next hops becomes several routes. Next hops
 * that the kernel marks as dead are left out.
 *
 * Source of the format: iproute2's `ip/iproute.c`, `ip/iprule.c`. Throws if the text is not the
 * output of `ip -json`.
 */
export function parseIpRouting(json: string): HostRouting {
  const [routes, rules]: [HostRoute[], HostRule[]] = [[], []];
  for (const entry of ipObjects(json, "ip -json route, rule")) {
    const rule = ruleOf(entry);
    if (rule !== undefined) rules.push(rule);
    else routes.push(...routesOf(entry));
  }
  return { routes, rules };
}

function routesOf(entry: JsonObject): HostRoute[] {
  const dst = textOf(entry["dst"]);
  if (dst === undefined) return [];
  const [table, type, metric] = [textOf(entry["table"]), textOf(entry["type"]), entry["metric"]];
  const hops = objectsOf(entry["nexthops"]);
  return (hops.length === 0 ? [entry] : hops).filter((hop) => !isDead(hop)).map((hop) => {
    const [dev, gateway] = [textOf(hop["dev"]), nextHop(hop)];
    return {
      dst,
      ...optional({
        dev,
        gateway,
        table: table === "main" ? undefined : table,
        metric: typeof metric === "number" && metric > 0 ? metric : undefined,
        type: type === "unicast" ? undefined : type,
      }),
    };
  });
}

/**
 * Returns `gateway`, or a next hop of the other family:
 * `"via": { "family": "inet6", "host": "fe80::1" }`.
 */
function nextHop(hop: JsonObject): string | undefined {
  const via = hop["via"];
  return textOf(hop["gateway"]) ?? (isObject(via) ? textOf(via["host"]) : undefined);
}

function isDead({ flags }: JsonObject): boolean {
  return Array.isArray(flags) && flags.includes("dead");
}

/**
 * Reads the output of `ip -json -details address` (`ip/ipaddress.c`). Throws if the text is not the
 * output of `ip`.
 */
export function parseIpAddresses(json: string): HostInterface[] {
  return ipObjects(json, "ip -json address").flatMap((entry) => {
    const name = textOf(entry["ifname"]);
    if (name === undefined) return [];
    const addresses = objectsOf(entry["addr_info"]).flatMap((info) => {
      const [local, length] = [textOf(info["local"]), info["prefixlen"]];
      return local === undefined || typeof length !== "number" ? [] : [`${local}/${length}`];
    });
    const { flags } = entry;
    const master = textOf(entry["master"]);
    return [{
      name,
      addresses,
      ...optional({ up: Array.isArray(flags) ? flags.includes("UP") : undefined, master }),
      ...kindOf(entry["linkinfo"]),
    }];
  });
}

/** Settings of a bridge that anklume checks. */
const SETTINGS = ["no_linklocal_learn", "vlan_filtering"] as const;

function kindOf(link: unknown): Pick<HostInterface, "kind" | "table" | "settings"> {
  const kind = isObject(link) ? textOf(link["info_kind"]) : undefined;
  if (!isObject(link) || kind === undefined) return {};
  const data = isObject(link["info_data"]) ? link["info_data"] : {};
  if (kind === "vrf") return { kind, table: String(data["table"] ?? "") };
  if (kind !== "bridge") return { kind };
  const settings: Record<string, number> = {};
  for (const name of SETTINGS) {
    const value = jsonNumber(data[name]);
    if (value !== undefined) settings[name] = value;
  }
  return { kind, settings };
}

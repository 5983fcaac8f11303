import type { ForeignChain } from "./host_facts.ts";
import type { TraceStep } from "./parse_trace.ts";

/** Programs that write rules of their own, recognised by their names of tables and chains. */
export type FirewallKind =
  | ("docker" | "docker-nftables" | "ufw" | "firewalld" | "libvirt" | "incus")
  | "anklume"
  | "other";

type RulePlace = Pick<TraceStep, "family" | "table" | "chain">;

/**
 * Returns the program that owns a rule. `chains`: base chains of all tables, with the other chains
 * beside each.
 */
export function firewallOf(
  { family, table, chain }: RulePlace,
  chains: readonly ForeignChain[],
): FirewallKind {
  const beside = chains.find((each) => each.family === family && each.table === table)?.siblings ??
    [];
  const has = (pattern: RegExp) => beside.some((name) => pattern.test(name));
  if (table.startsWith("anklume_")) return "anklume";
  if (table === "incus") return "incus";
  if (table === "firewalld" || /^(INPUT|FORWARD|FWD|IN)_/.test(chain)) return "firewalld";
  if (table === "docker-bridges") return "docker-nftables";
  if (table.startsWith("libvirt") || chain.startsWith("LIBVIRT_")) return "libvirt";
  if (chain.startsWith("DOCKER")) return "docker";
  if (/^ufw6?-/.test(chain)) return "ufw";
  // A policy, or a chain that several programs share: the first match here decides.
  if (
    has(/^DOCKER/) ||
    (table === "raw" &&
      chains.some((each) => each.siblings.some((name) => name.startsWith("DOCKER"))))
  ) {
    return "docker";
  }
  if (has(/^ufw6?-/)) return "ufw";
  if (has(/^(INPUT|FORWARD)_ZONES/)) return "firewalld";
  return has(/^LIBVIRT_/) ? "libvirt" : "other";
}

/** Returns `Docker's`, for a sentence; empty if the owner is unknown. */
export function ownerText(kind: FirewallKind): string {
  switch (kind) {
    case "docker":
    case "docker-nftables":
      return "Docker's";
    case "ufw":
      return "ufw's";
    case "firewalld":
      return "firewalld's";
    case "libvirt":
      return "libvirt's";
    case "incus":
      return "Incus's";
    case "anklume":
      return "another infra's";
    case "other":
      return "";
  }
}

/** A way that another program's rule blocks. */
interface BlockedWay {
  readonly bridge: string;
  /** The other end: an address or network. undefined: the internet. */
  readonly other?: string | undefined;
  /**
   * `in`: packets from the domain. `out`: packets to it. `host`: requests of its machines to the
   * host.
   */
  readonly direction: "in" | "out" | "host";
  /** `other` is one address of many. */
  readonly isInternet?: boolean;
  /** The rule belongs to iptables-legacy, which nft does not see. */
  readonly isLegacy?: boolean;
}

export interface Mend {
  readonly remedy: string;
  /** Commands for `doctor --fix`. */
  readonly fix?: readonly (readonly [string, ...string[]])[];
}

/** Returns how to let a way through, for the program that owns the rule. */
export function mendOf(
  step: RulePlace,
  kind: FirewallKind,
  way: BlockedWay,
): Mend {
  const rule = acceptRule(step, way);
  switch (kind) {
    case "docker":
      if (way.isLegacy) return { remedy: legacyRule({ ...step, chain: "DOCKER-USER" }, way) };
      return dockerMend(step, way, rule);
    case "docker-nftables":
      // Docker rewrites its tables: a rule added there would be lost.
      return {
        remedy:
          `"bridge-accept-fwmark": "0x1" in Docker's daemon.json, and a table of your own that marks what ` +
          `comes in by ${way.bridge}: nft add table ip marks; nft 'add chain ip marks in { type filter hook ` +
          `prerouting priority -310; }'; nft add rule ip marks in iifname ${way.bridge} meta mark set 0x1`,
      };
    case "ufw":
      return {
        remedy: way.direction === "host"
          ? `ufw allow in on ${way.bridge}`
          : `ufw route allow in on ${way.bridge}; ufw route allow out on ${way.bridge}`,
      };
    case "firewalld":
      return {
        remedy:
          `firewall-cmd --permanent --zone=trusted --add-interface=${way.bridge}; firewall-cmd --reload`,
      };
    case "anklume":
      return { remedy: "a policy in that infra; neither infra opens the other's domains" };
    default:
      return {
        remedy: `let it through there: ${way.isLegacy ? legacyRule(step, way) : rule.join(" ")}`,
      };
  }
}

function dockerMend(step: RulePlace, way: BlockedWay, rule: [string, ...string[]]): Mend {
  if (step.table === "raw") {
    return {
      remedy:
        `to keep it: Docker's "allow-direct-routing" in daemon.json, or make its network with --opt ` +
        `com.docker.network.bridge.trusted_host_interfaces=${way.bridge}`,
      fix: [rule],
    };
  }
  const accept = (match: string): [string, ...string[]] => [
    ...["nft", "insert", "rule", step.family, step.table, "DOCKER-USER"] as [string, ...string[]],
    ...[match, "net-*", "counter", "accept"],
  ];
  const iptables = step.family === "ip6" ? "ip6tables" : "iptables";
  return {
    remedy: `to keep it: ${iptables} -I DOCKER-USER -i net-+ -j ACCEPT, and the same with -o, ` +
      "after each start of Docker",
    fix: [accept("iifname"), accept("oifname")],
  };
}

function legacyRule(
  { family, table, chain }: RulePlace,
  { bridge, direction }: BlockedWay,
): string {
  const program = family === "ip6" ? "ip6tables-legacy" : "iptables-legacy";
  return `${program} -t ${table} -I ${chain} ${
    direction === "out" ? "-o" : "-i"
  } ${bridge} -j ACCEPT`;
}

/**
 * Returns a rule at the head of the chain that drops the packets: no later rule of that chain sees
 * an accepted packet.
 */
function acceptRule(
  { family, table, chain }: RulePlace,
  { bridge, other: one, direction, isInternet }: BlockedWay,
): [string, ...string[]] {
  const other = isInternet ? undefined : one;
  const version = other === undefined ? [] : [other.includes(":") ? "ip6" : "ip"];
  const match = direction === "out"
    ? ["oifname", bridge, ...version, ...(other === undefined ? [] : ["saddr", other])]
    : ["iifname", bridge, ...version, ...(other === undefined ? [] : ["daddr", other])];
  return ["nft", "insert", "rule", family, table, chain, ...match, "counter", "accept"];
}

import type { HostInterface } from "../addressing/host_networks.ts";

/** One infra's firewall: a script that replaces its tables, and only these, in one transaction. */
export interface Ruleset {
  readonly project: string;
  /** The infra's UUID: a table of this name with another UUID belongs to another infra. */
  readonly infraId: string;
  /** Name of the table in each family, `anklume_<project>`. */
  readonly table: string;
  /**
   * Names of its tables, for people: `inet anklume_lab`, `bridge anklume_lab`, `arp anklume_lab`.
   */
  readonly tables: readonly string[];
  /** The input of `nft -f`. */
  readonly text: string;
  /** SHA-256 of `text`, hexadecimal. */
  readonly digest: string;
}

/**
 * Directory of the rulesets of all infras of the host, one file `<project>.nft` each, and of the
 * unit that loads them before Incus starts.
 */
export const RULES_DIRECTORY = "/etc/anklume";

/** The facts of the live host that the rules depend on; names of interfaces. */
export interface LiveBridges {
  /** Bridges with this infra's mark that are no longer declared: they stay isolated. */
  readonly orphanBridges: readonly string[];
  /**
   * Bridges and modem links that have a default route, such as a server's `br0`: they count as
   * outside.
   */
  readonly localUplinks: readonly string[];
  /** The host's interfaces: one of them may now use a subnet that a domain gave up. */
  readonly interfaces: readonly HostInterface[];
  /**
   * Domains that do not exist yet and whose addresses the host uses for something else: these
   * addresses are not blocked.
   */
  readonly unclaimed?: ReadonlySet<string>;
}

/** The families in which the infra has a table. */
export const FAMILIES = ["inet", "bridge", "arp"] as const;
export type Family = typeof FAMILIES[number];

/** Format of the tables' comment; an older anklume refuses a newer format. */
export const TABLE_FORMAT = 1;

/**
 * Returns `anklume_home-lab`; throws on a name that is no DNS label, which `parseInfra` refuses.
 */
export function tableName(project: string): string {
  if (!/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/.test(project)) {
    throw new TypeError(`Not a project name: ${JSON.stringify(project)}`);
  }
  return `anklume_${project}`;
}

/** Returns the table's comment; read back by `readTableOwner`. */
export function ownerComment(infraId: string): string {
  return `anklume ${TABLE_FORMAT} ${infraId}`;
}

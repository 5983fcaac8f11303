import type { HostInterface } from "../addressing/host_networks.ts";

/** One infra's firewall: a script that replaces its tables, and only these, in one transaction. */
export interface Ruleset {
  readonly project: string;
  /** The infra's UUID: a table of this name that carries another one is somebody else's. */
  readonly infraId: string;
  /** Name of the table in each family, `anklume_<project>`. */
  readonly table: string;
  /** What it stands under, for people: `inet anklume_lab`, `bridge anklume_lab`, `arp anklume_lab`. */
  readonly tables: readonly string[];
  /** What `nft -f` reads. */
  readonly text: string;
  /** SHA-256 of `text`, hexadecimal. */
  readonly digest: string;
}

/** Where the rulesets of all infras of the host stand, one file `<project>.nft` each, and the unit that loads them before Incus. */
export const RULES_DIRECTORY = "/etc/anklume";

/** What the rendering takes from the live host; names of interfaces. */
export interface LiveBridges {
  /** Bridges that carry this infra's mark but are declared no more: they stay walled off. */
  readonly orphanBridges: readonly string[];
  /** Bridges and modem links that carry a default route, a server's `br0`: they count as outside. */
  readonly localUplinks: readonly string[];
  /** The host's interfaces: a subnet that a domain gave up may be theirs by now. */
  readonly interfaces: readonly HostInterface[];
  /** Domains of which nothing stands and whose addresses the host uses otherwise: nobody is kept from these. */
  readonly unclaimed?: ReadonlySet<string>;
}

/** The families in which the infra has a table. */
export const FAMILIES = ["inet", "bridge", "arp"] as const;
export type Family = typeof FAMILIES[number];

/** Of what the tables carry in their comment; a newer one is refused by an older anklume. */
export const TABLE_FORMAT = 1;

/** `anklume_home-lab`; throws on a name that is no DNS label, which `parseInfra` lets no infra have. */
export function tableName(project: string): string {
  if (!/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/.test(project)) {
    throw new TypeError(`Not a project name: ${JSON.stringify(project)}`);
  }
  return `anklume_${project}`;
}

/** What the table's comment says; read back by `readTableOwner`. */
export function ownerComment(infraId: string): string {
  return `anklume ${TABLE_FORMAT} ${infraId}`;
}

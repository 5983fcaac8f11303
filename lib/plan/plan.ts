import type { Diagnostic } from "../diag/diagnostic.ts";
import type { ResourceAddr } from "../resource/address.ts";
import type { Effect, FieldChange } from "../resource/field.ts";

export { type Effect, EFFECTS, type FieldChange } from "../resource/field.ts";

export type Action = "create" | "update" | "replace" | "delete" | "no-op";

/** The change of one resource. Plain data: no functions, can be serialised as JSON. */
export interface Change {
  readonly addr: ResourceAddr;
  readonly action: Action;
  /** The present place of a machine that will be moved or renamed. */
  readonly from?: ResourceAddr;
  /** Volumes that move with the machine or to another pool. */
  readonly moves?: readonly Move[];
  /** For an interrupted replacement: the place where the old machine is kept aside. */
  readonly aside?: ResourceAddr;
  /** The domain it belongs to, for grouping; undefined for the firewall. */
  readonly domain?: string;
  readonly fields: readonly FieldChange[];
  /** The worst effect among `fields`. */
  readonly effect: Effect;
  /** An explanation for people; never used for decisions. */
  readonly reason: string;
  /** `formatAddr` of changes that must be done before this one. They are in the plan too. */
  readonly dependsOn: readonly string[];
  /** True if it needs `--force`: the machine is protected. */
  readonly needsForce: boolean;
}

export interface Move {
  readonly from: ResourceAddr;
  readonly to: ResourceAddr;
}

/** The changes that apply makes and check shows. Sorted; contains no time and does no I/O. */
export interface Plan {
  readonly project: string;
  readonly infraId: string;
  /**
   * Only real changes (`no-op` is counted in `unchanged`), in an order that respects `dependsOn`.
   */
  readonly changes: readonly Change[];
  readonly unchanged: number;
  /** Owned resources that infra.yml no longer declares. */
  readonly orphans: readonly Orphan[];
  /**
   * Errors prevent an apply (a foreign resource with that name, a missing image…). Warnings do not.
   */
  readonly diagnostics: readonly Diagnostic[];
  /**
   * Changes that cannot be made on this host or need `--force`. The rest of the plan can be
   * applied.
   */
  readonly held: readonly Held[];
  /**
   * Machines of somebody else in the infra's projects or on its bridges; absent if there are none.
   */
  readonly strangers?: readonly Stranger[];
  /** Breaches that anklume does not close; absent if there are none. */
  readonly leftOpen?: readonly LeftOpen[];
  /**
   * True if machines may die in their first seconds (kernel limits): check them again after a
   * pause.
   */
  readonly watchStarts: boolean;
}

export interface PlanOptions {
  /** Delete orphans; protected ones only with `force`. */
  readonly prune?: boolean;
  readonly force?: boolean;
}

/**
 * The path of a field on a machine that still uses a removed key of a profile until it restarts.
 */
export const RESTART = "restart";

/** A machine that does not belong to this infra, in a domain's Incus project or on its bridge. */
export interface Stranger {
  readonly addr: ResourceAddr;
  readonly domain: string;
  /** The status from Incus in lower case: `running`. */
  readonly state: string;
  /** NICs on bridges of the infra. The bridges drop their packets: `eth0 on net-pro`. */
  readonly walled: readonly string[];
  /** Devices that bypass the firewall: `eth0 (nic incusbr0)`. */
  readonly doors: readonly string[];
}

/** Breaches in a resource that anklume does not change. */
export interface LeftOpen {
  readonly addr: ResourceAddr;
  readonly domain: string;
  /** Its domain has `enabled: false`, or `infra.yml` no longer declares the resource. */
  readonly why: "disabled" | "orphan";
  readonly fields: readonly FieldChange[];
}

/**
 * A resource that is left unchanged, with the reason. It is `skipped` in the report; the exit
 * status is 1 if the diagnostic is an error.
 */
export interface Held {
  readonly addr: ResourceAddr;
  readonly domain?: string;
  readonly diagnostic: Diagnostic;
}

export interface Orphan {
  readonly addr: ResourceAddr;
  /** The domain it was made for. */
  readonly domain?: string;
  /** It was created with `ephemeral: false`: `--prune` deletes it only with `--force`. */
  readonly protected: boolean;
  /** ISO 8601, from Incus or from anklume's note. */
  readonly createdAt?: string;
  /**
   * The used bytes of a root disk, or the declared size of a volume; undefined if there is none or
   * it is unknown.
   */
  readonly bytes?: number;
}

import type { Diagnostic } from "../diag/diagnostic.ts";
import type { ResourceAddr } from "../resource/address.ts";
import type { Effect, FieldChange } from "../resource/field.ts";

export { type Effect, EFFECTS, type FieldChange } from "../resource/field.ts";

export type Action = "create" | "update" | "replace" | "delete" | "no-op";

/** What happens to one resource. Data: no functions, serialisable as JSON. */
export interface Change {
  readonly addr: ResourceAddr;
  readonly action: Action;
  /** Where a machine that moves or is renamed is now. */
  readonly from?: ResourceAddr;
  /** Volumes that go along, or to another pool. */
  readonly moves?: readonly Move[];
  /** Of a replacement that was interrupted: where the old machine stands aside. */
  readonly aside?: ResourceAddr;
  /** Domain it belongs to, for grouping; undefined for the firewall. */
  readonly domain?: string;
  readonly fields: readonly FieldChange[];
  /** The worst effect among `fields`. */
  readonly effect: Effect;
  /** Explains, for people; never used to decide. */
  readonly reason: string;
  /** `formatAddr` of the changes that must be done before; they are in the plan too. */
  readonly dependsOn: readonly string[];
  /** Cannot be done without `--force`: the machine is protected. */
  readonly needsForce: boolean;
}

export interface Move {
  readonly from: ResourceAddr;
  readonly to: ResourceAddr;
}

/** What apply will do and check shows. Sorted, no clock, no I/O behind it. */
export interface Plan {
  readonly project: string;
  readonly infraId: string;
  /** Only what changes (`no-op` is counted in `unchanged`), in an order that respects `dependsOn`. */
  readonly changes: readonly Change[];
  readonly unchanged: number;
  /** Owned resources that infra.yml no longer declares. */
  readonly orphans: readonly Orphan[];
  /** Errors forbid applying (foreign resource of that name, missing image…); warnings do not. */
  readonly diagnostics: readonly Diagnostic[];
  /** What cannot be done on this host or without `--force`; the rest of the plan can. */
  readonly held: readonly Held[];
  /** Machines of somebody else's where ours are; absent: none. */
  readonly strangers?: readonly Stranger[];
  /** Doors that anklume does not close; absent: none. */
  readonly leftOpen?: readonly LeftOpen[];
  /** Machines may die in their first seconds (kernel limits): look at them again after a pause. */
  readonly watchStarts: boolean;
}

/** Path of the field of a machine that runs on what a profile gave it until it starts anew. */
export const RESTART = "restart";

/** A machine that is nobody's of this infra, in a domain's Incus project or on its bridge. */
export interface Stranger {
  readonly addr: ResourceAddr;
  readonly domain: string;
  /** Incus's word in lower case: `running`. */
  readonly state: string;
  /** NICs on bridges of the infra, which drop what it sends: `eth0 on net-pro`. */
  readonly walled: readonly string[];
  /** What leads out of it past the firewall: `eth0 (nic incusbr0)`. */
  readonly doors: readonly string[];
}

/** Doors in a resource that anklume leaves as it is. */
export interface LeftOpen {
  readonly addr: ResourceAddr;
  readonly domain: string;
  /** Its domain has `enabled: false`, or `infra.yml` no longer declares it. */
  readonly why: "disabled" | "orphan";
  readonly fields: readonly FieldChange[];
}

/** A resource that is left as it is, and why: `skipped` in the report, exit status 1 when it is an error. */
export interface Held {
  readonly addr: ResourceAddr;
  readonly domain?: string;
  readonly diagnostic: Diagnostic;
}

export interface Orphan {
  readonly addr: ResourceAddr;
  /** Domain it was made for. */
  readonly domain?: string;
  /** `ephemeral: false` when it was made: `--prune` leaves it without `--force`. */
  readonly protected: boolean;
  /** ISO 8601, where Incus tells or anklume noted it. */
  readonly createdAt?: string;
  /** What its root disk takes, or a volume's declared size; undefined: it has none, or nobody tells. */
  readonly bytes?: number;
}

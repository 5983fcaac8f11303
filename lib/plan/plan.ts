import type { Diagnostic } from "../diag/diagnostic.ts";
import type { ResourceAddr } from "../resource/address.ts";

export type Action = "create" | "update" | "replace" | "delete" | "no-op";

/** What a change does to what runs, from harmless to worst. */
export const EFFECTS = [
  /** Nothing that runs notices. */
  "in-place",
  /** Stored now, in force when the machine starts again by itself. */
  "next-start",
  /** The machine is restarted by apply. */
  "restart",
  /** The root disk is made anew; volumes stay. */
  "rebuild",
  /** Something is deleted for good. */
  "data-lost",
] as const;
export type Effect = typeof EFFECTS[number];

/** One field that differs; values as Incus has them, `undefined`: not set. */
export interface FieldChange {
  /** `config.limits.cpu`, `devices.eth0.ipv4.address`, `state`, `image` … */
  readonly path: string;
  readonly before?: string;
  readonly after?: string;
  readonly effect: Effect;
  /** A door in the isolation: shown first and loudest. */
  readonly breach?: boolean;
}

/** What happens to one resource. Data: no functions, serialisable as JSON. */
export interface Change {
  readonly addr: ResourceAddr;
  readonly action: Action;
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

/** What apply will do and check shows. Sorted, no clock, no I/O behind it. */
export interface Plan {
  readonly project: string;
  readonly infraId: string;
  /** Only what changes (`no-op` is counted in `unchanged`), in an order that respects `dependsOn`. */
  readonly changes: readonly Change[];
  readonly unchanged: number;
  /** Owned resources that infra.yml no longer declares. */
  readonly orphans: readonly Orphan[];
  /** Errors forbid applying (foreign resource of that name, missing image, no GPU…); warnings do not. */
  readonly diagnostics: readonly Diagnostic[];
}

export interface Orphan {
  readonly addr: ResourceAddr;
  /** `ephemeral: false` when it was made: `--prune` leaves it without `--force`. */
  readonly protected: boolean;
  /** ISO 8601, where Incus tells. */
  readonly createdAt?: string;
}

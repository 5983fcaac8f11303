import type { Action } from "../plan/plan.ts";
import type { ResourceAddr } from "../resource/address.ts";

/** The events while a plan is applied, in order. `at` is milliseconds since the epoch. */
export type ApplyEvent =
  | {
    readonly type: "started";
    readonly at: number;
    readonly addr: ResourceAddr;
    readonly action: Action;
  }
  /** A step within one change: `stopping`, `starting`, `downloading image 40%`. */
  | {
    readonly type: "progress";
    readonly at: number;
    readonly addr: ResourceAddr;
    readonly text: string;
  }
  | {
    readonly type: "done";
    readonly at: number;
    readonly addr: ResourceAddr;
    readonly action: Action;
    readonly ms: number;
  }
  | {
    readonly type: "failed";
    readonly at: number;
    readonly addr: ResourceAddr;
    readonly action: Action;
    readonly ms: number;
    /** The failed action, and the message of Incus or nft. */
    readonly message: string;
    /**
     * Somebody else changed the resource since the plan was made, so it was left unchanged. A new
     * plan takes the change into account.
     */
    readonly changedMeanwhile?: true;
  }
  | {
    readonly type: "skipped";
    readonly at: number;
    readonly addr: ResourceAddr;
    readonly action: Action;
    /** `formatAddr` of the failed change that it depends on, or `interrupted`. */
    readonly because: string;
  };

/** The result of an apply, for people, the exit status and JSON. */
export interface ApplyReport {
  readonly done: readonly {
    readonly addr: ResourceAddr;
    readonly action: Action;
    readonly ms: number;
  }[];
  readonly failed: readonly {
    readonly addr: ResourceAddr;
    readonly action: Action;
    readonly message: string;
    readonly changedMeanwhile?: true;
  }[];
  readonly skipped: readonly {
    readonly addr: ResourceAddr;
    readonly action: Action;
    readonly because: string;
  }[];
  readonly interrupted: boolean;
}

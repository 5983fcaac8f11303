import type { Action } from "../plan/plan.ts";
import type { ResourceAddr } from "../resource/address.ts";

/** What happens while a plan is applied, in order. `at` is milliseconds since the epoch. */
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
    /** What was tried, and Incus's or nft's own words. */
    readonly message: string;
    /** Somebody else changed it since the plan was made, and it was left as it is: a new plan knows what to do. */
    readonly changedMeanwhile?: true;
  }
  | {
    readonly type: "skipped";
    readonly at: number;
    readonly addr: ResourceAddr;
    readonly action: Action;
    /** `formatAddr` of what failed before it, or `interrupted`. */
    readonly because: string;
  };

/** What an apply did, for people, exit status and JSON. */
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

/** What happens to one machine while a set is taken, restored or deleted, in order. */
export type SnapshotEvent =
  /** `text`: what is being done: `freezing`, `stopping`, `restoring`. */
  | {
    readonly type: "busy";
    readonly project: string;
    readonly machine: string;
    readonly text: string;
  }
  | {
    readonly type: "done";
    readonly project: string;
    readonly machine: string;
    readonly ms: number;
  }
  | {
    readonly type: "failed";
    readonly project: string;
    readonly machine: string;
    /** What was tried, and Incus's own words. */
    readonly message: string;
  }
  | {
    readonly type: "skipped";
    readonly project: string;
    readonly machine: string;
    readonly because: string;
  };

export type OnEvent = (event: SnapshotEvent) => void;

/** How machines are worked on. */
export interface WorkOptions {
  /** Aborted: nothing new is begun; what is under way is brought to an end. */
  readonly signal: AbortSignal;
  readonly onEvent: OnEvent;
}

/** What came of the machines. */
export interface WorkResult {
  readonly done: readonly string[];
  readonly failed: readonly { readonly machine: string; readonly message: string }[];
  /** Not begun, because of an interrupt. */
  readonly skipped: readonly string[];
}

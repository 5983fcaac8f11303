/** The events of one machine while a set is taken, restored or deleted, in order. */
export type SnapshotEvent =
  /** `text`: the present step: `freezing`, `stopping`, `restoring`. */
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
    /** The attempt, and Incus's own message. */
    readonly message: string;
  }
  | {
    readonly type: "skipped";
    readonly project: string;
    readonly machine: string;
    readonly because: string;
  };

export type OnEvent = (event: SnapshotEvent) => void;

/** Options of work on machines. */
export interface WorkOptions {
  /** When aborted, nothing new is started; work under way is finished. */
  readonly signal: AbortSignal;
  readonly onEvent: OnEvent;
}

/** The results by machine. */
export interface WorkResult {
  readonly done: readonly string[];
  readonly failed: readonly { readonly machine: string; readonly message: string }[];
  /** Not started, because of an interrupt. */
  readonly skipped: readonly string[];
}

/** Below 200 the operation is running; 200 success, 400 failure, 401 cancelled. */
type OperationStatusCode = number;

export interface Operation {
  readonly id: string;
  readonly class: "task" | "websocket" | "token";
  readonly description: string;
  readonly status: string;
  readonly status_code: OperationStatusCode;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  readonly resources: Readonly<Record<string, readonly string[]>> | null;
  /** Incus's text about the failure; empty if there was none. */
  readonly err: string;
}

/** One message of `/1.0/events?type=operation`. */
export interface OperationEvent {
  readonly type: "operation";
  readonly metadata: Operation;
}

/** The envelope of every answer. */
export interface Envelope {
  readonly type: "sync" | "async" | "error";
  readonly operation?: string;
  readonly error?: string;
  readonly error_code?: number;
  readonly metadata?: unknown;
}

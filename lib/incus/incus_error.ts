/**
 * Incus refused a request, or one of its operations failed. `message` is exactly Incus's own text.
 */
export class IncusError extends Error {
  override readonly name = "IncusError";
  /**
   * HTTP status. For a failed operation it is the operation's status code: 400 failed, 401
   * cancelled.
   */
  readonly status: number;
  readonly method: string;
  /** Includes the query, as sent. */
  readonly path: string;

  constructor(status: number, method: string, path: string, message: string) {
    super(message);
    this.status = status;
    this.method = method;
    this.path = path;
  }
}

/** Incus did not answer in time. The requested change may still happen: read the resource again. */
export class IncusTimeoutError extends Error {
  override readonly name = "IncusTimeoutError";
  readonly method: string;
  readonly path: string;
  /** Milliseconds that anklume waited. */
  readonly ms: number;

  constructor(method: string, path: string, ms: number) {
    super(`Incus did not answer ${method} ${path} within ${ms / 1000} s`);
    this.method = method;
    this.path = path;
    this.ms = ms;
  }
}

/**
 * `missing`: there is no such socket; Incus is not installed or never ran. `denied`: this user may
 * not open it (group `incus-admin`). `refused`: nothing listens on it; the daemon is down.
 * `not-granted`: the binary was not compiled for that path. `not-incus`: another program answered.
 * `untrusted`: Incus answered but does not trust this user. `closed`: the connection ended during
 * the request.
 */
export type UnreachableReason =
  | "missing"
  | "denied"
  | "refused"
  | "not-granted"
  | "not-incus"
  | "untrusted"
  | "closed";

/** The daemon cannot be reached. The message tells the problem; `reason` selects the remedy. */
export class IncusUnreachableError extends Error {
  override readonly name = "IncusUnreachableError";
  readonly reason: UnreachableReason;
  readonly socket: string;

  constructor(reason: UnreachableReason, socket: string, cause?: unknown) {
    super(`Cannot reach Incus at ${socket}: ${WORDS[reason]}`, { cause });
    this.reason = reason;
    this.socket = socket;
  }
}

const WORDS: Readonly<Record<UnreachableReason, string>> = {
  "missing": "there is no such socket",
  "denied": "permission denied",
  "refused": "nothing is listening there",
  "not-granted": "anklume was not compiled for a socket at that path",
  "not-incus": "the program that answers there is not Incus",
  "untrusted": "Incus does not trust this user",
  "closed": "the connection was closed before the answer",
};

/**
 * Deno gives the reason for a failed connection only in the message. It has no code and no class
 * for it.
 */
const REASON_BY_ERRNO: Readonly<Record<string, UnreachableReason>> = {
  "2": "missing",
  "20": "missing",
  "1": "denied",
  "13": "denied",
  "111": "refused",
};

/**
 * Converts the error of a `fetch` or `createHttpClient`. Returns undefined for an unrelated error.
 */
export function toUnreachable(error: unknown, socket: string): IncusUnreachableError | undefined {
  if (error instanceof Deno.errors.NotCapable) {
    return new IncusUnreachableError("not-granted", socket, error);
  }
  if (!(error instanceof TypeError)) return undefined;
  const errno = /\(os error (\d+)\)/.exec(error.message)?.[1];
  return new IncusUnreachableError(REASON_BY_ERRNO[errno ?? ""] ?? "closed", socket, error);
}

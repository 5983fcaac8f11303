import { setTimeout as sleep } from "node:timers/promises";
import { IncusError, IncusUnreachableError } from "./incus_error.ts";

/** A refusal that is temporary and changed nothing, so it is safe to ask again. */
export interface Passing {
  /** Matched against Incus's text: it has no codes for these. */
  readonly words: RegExp;
  readonly attempts: number;
  /** Milliseconds before each further attempt. */
  readonly delayMs: number;
}

/**
 * While a bridge is created or deleted, other machines that start or stop add and remove
 * interfaces. Incus then gives up and undoes its changes ("Failed to delete bridge children
 * interfaces: … veth… does not exist").
 */
export const BRIDGE_CHILD_GONE: Passing = {
  words: /bridge children interfaces|veth\w* .*does not exist/,
  // When several machines end at once on a busy host, their ports can take seconds to go away.
  attempts: 15,
  delayMs: 200,
};

/**
 * Incus sets up a bridge again: it ends the name server and starts a new one. On a busy host the old
 * one still has the address then. A server that Incus does not know stays until somebody ends it.
 */
export const NAME_SERVER_NOT_GONE: Passing = {
  words: /dnsmasq.*Address already in use/s,
  attempts: 4,
  delayMs: 500,
};

/**
 * "Instance is busy running a "stop" operation": Incus reports a failed start before its cleanup
 * has ended.
 */
export const INSTANCE_BUSY: Passing = {
  words: /Instance is busy running a "?\w+"? operation/,
  attempts: 10,
  delayMs: 300,
};

/**
 * A start meets the port of the previous run. A daemon that was killed while it stopped a machine
 * reports the machine as stopped a moment too early. The failed start is undone, and the port soon
 * goes away by itself. If the daemon was killed while it started the machine, the port stays for
 * ever. Incus 6.0 reports the existing port in the words of `ip`, 7.0 in those of Go. Since 7.0.1
 * Incus removes the port itself.
 */
export const PORT_NOT_GONE: Passing = {
  words: /Failed to create the veth interfaces .*file exists/i,
  attempts: 5,
  delayMs: 1000,
};

/**
 * The same problem with a machine that is to be deleted, or with an incomplete copy that the rsync
 * of a killed daemon still writes to.
 */
export const NOT_FREE_YET: Passing = {
  words: /^Instance is running$|directory not empty|resource busy|is busy$/,
  attempts: 15,
  delayMs: 1000,
};

/**
 * An exec right after a start. The error does not tell whether the program ran, so only programs
 * that may run twice are repeated.
 */
export const EXEC_TOO_EARLY: Passing = {
  words: /Failed to retrieve PID of executing child process/,
  attempts: 5,
  delayMs: 200,
};

/** Calls `ask` again as long as the refusal is temporary. The signal ends this. */
export async function retryPassing<T>(
  passing: Passing,
  ask: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  for (let attempt = 1;; attempt++) {
    try {
      return await ask();
    } catch (error) {
      const again = error instanceof IncusError && passing.words.test(error.message);
      if (!again || attempt === passing.attempts || signal?.aborted) throw error;
    }
    await sleep(passing.delayMs);
  }
}

/** Longer than a restart of the daemon takes, for example during an upgrade. */
const AWAY_MS = 60_000;
const AWAY_POLL_MS = 500;

/**
 * Calls `ask` again while the daemon is being restarted. Only for requests that must succeed and
 * may be sent twice.
 */
export async function outlastRestart<T>(
  ask: () => Promise<T>,
  { forMs = AWAY_MS, pollMs = AWAY_POLL_MS }: {
    readonly forMs?: number;
    readonly pollMs?: number;
  } = {},
): Promise<T> {
  const until = performance.now() + forMs;
  while (true) {
    try {
      return await ask();
    } catch (error) {
      if (!isAway(error) || performance.now() >= until) throw error;
    }
    await sleep(pollMs);
  }
}

function isAway(error: unknown): boolean {
  if (error instanceof IncusUnreachableError) {
    return ["missing", "refused", "closed"].includes(error.reason);
  }
  return error instanceof IncusError &&
    (error.status === 503 || /shutting down|database is closed/i.test(error.message));
}

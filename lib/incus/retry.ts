import { setTimeout as sleep } from "node:timers/promises";
import { IncusError, IncusUnreachableError } from "./incus_error.ts";

/** A refusal that passes by itself, and after which nothing was changed, so that asking again is safe. */
export interface Passing {
  /** Matched against Incus's words: it has no codes for these. */
  readonly words: RegExp;
  readonly attempts: number;
  /** Waited before each further attempt. */
  readonly delayMs: number;
}

/**
 * A bridge that is made or deleted while machines start or stop meets interfaces that come and go: Incus gives up and undoes what it did
 * ("Failed to delete bridge children interfaces: … veth… does not exist").
 */
export const BRIDGE_CHILD_GONE: Passing = {
  words: /bridge children interfaces|veth\w* .*does not exist/,
  // A busy machine takes seconds to let go of the ports of several that end at once.
  attempts: 15,
  delayMs: 200,
};

/** "Instance is busy running a "stop" operation": a failed start is still being cleaned up when its failure is reported. */
export const INSTANCE_BUSY: Passing = {
  words: /Instance is busy running a "?\w+"? operation/,
  attempts: 10,
  delayMs: 300,
};

/**
 * A start meets the port of the run before: a daemon that was killed while it stopped a machine calls it stopped a moment before
 * it is. The failed start is undone, and the port goes by itself. One that was killed while it started the machine leaves it for good.
 * 6.0 says it in the words of `ip`, 7.0 in those of Go, and from 7.0.1 on it takes the port away itself.
 */
export const PORT_NOT_GONE: Passing = {
  words: /Failed to create the veth interfaces .*file exists/i,
  attempts: 5,
  delayMs: 1000,
};

/** The same of a machine that is to be deleted, and of a half copy on which the rsync of a daemon that was killed still works. */
export const NOT_FREE_YET: Passing = {
  words: /^Instance is running$|directory not empty|resource busy|is busy$/,
  attempts: 15,
  delayMs: 1000,
};

/** An exec right after a start. It does not say whether the program ran, so only for those that may run twice. */
export const EXEC_TOO_EARLY: Passing = {
  words: /Failed to retrieve PID of executing child process/,
  attempts: 5,
  delayMs: 200,
};

/** Runs `ask` again while it is refused in passing; the signal ends the waiting. */
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

/** Longer than a daemon takes that is restarted, by an upgrade for one. */
const AWAY_MS = 60_000;
const AWAY_POLL_MS = 500;

/** Asks again while the daemon is being restarted: for what has to come about, and may be asked twice. */
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

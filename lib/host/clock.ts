import { setTimeout } from "node:timers/promises";

/**
 * Returns milliseconds since the epoch, like `Date.now()`. It is a parameter so that tests can set
 * the time.
 */
export type Clock = () => number;

/** The clock of the host. */
export const systemClock: Clock = (): number => Date.now();

/** Waits `ms` milliseconds; rejects with an `AbortError` as soon as the signal is aborted. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  await setTimeout(ms, undefined, signal === undefined ? {} : { signal });
}

import { setTimeout } from "node:timers/promises";

/** Milliseconds since the epoch, as `Date.now()`; handed to what needs the time so that tests can hand in another. */
export type Clock = () => number;

/** The machine's own clock. */
export const systemClock: Clock = (): number => Date.now();

/** Waits `ms` milliseconds; rejects with an `AbortError` as soon as the signal is aborted. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  await setTimeout(ms, undefined, signal === undefined ? {} : { signal });
}

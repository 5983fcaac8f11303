import pLimit from "p-limit";
import { IncusError } from "../incus/incus_error.ts";
import type { WorkOptions, WorkResult } from "./snapshot_event.ts";

/** Enough to keep the daemon busy; with more, each machine only waits longer. */
const AT_ONCE = 8;

/** Works on machines in parallel. A failure of one is reported and does not stop the others. */
export async function eachMachine<T extends { readonly project: string; readonly name: string }>(
  machines: readonly T[],
  { signal, onEvent }: WorkOptions,
  work: (machine: T, say: (text: string) => void) => Promise<void>,
  atOnce = AT_ONCE,
): Promise<WorkResult> {
  const done: string[] = [];
  const failed: { machine: string; message: string }[] = [];
  const skipped: string[] = [];
  const limit = pLimit(atOnce);
  await Promise.all(machines.map((machine) =>
    limit(async () => {
      const { project, name } = machine;
      const place = { project, machine: name };
      if (signal.aborted) {
        skipped.push(name);
        onEvent({ type: "skipped", ...place, because: "interrupted before its turn" });
        return;
      }
      const began = performance.now();
      try {
        await work(machine, (text) => onEvent({ type: "busy", ...place, text }));
        done.push(name);
        onEvent({ type: "done", ...place, ms: performance.now() - began });
      } catch (error) {
        const message = wordsOf(error);
        failed.push({ machine: name, message });
        onEvent({ type: "failed", ...place, message });
      }
    })
  ));
  return { done, failed, skipped };
}

export function wordsOf(error: unknown): string {
  if (error instanceof IncusError) return `Incus answered ${error.status}: ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}

/** True if Incus's message says that the pool is full. */
export function isPoolFull(words: string): boolean {
  return /no space left|disk quota exceeded/i.test(words);
}

/** Shared by the suites of `scripts/bench`. */
import { setTimeout as sleep } from "node:timers/promises";

/**
 * Returns the milliseconds of wall clock that a program takes, as a whole process.
 * @throws Error if it fails
 */
export async function timeProcess(argv: readonly string[], cwd: string): Promise<number> {
  const [command = "", ...args] = argv;
  const start = performance.now();
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args,
    cwd,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const ms = performance.now() - start;
  if (success) return ms;
  const decoder = new TextDecoder();
  throw new Error(`${argv.join(" ")}\n${decoder.decode(stdout)}${decoder.decode(stderr)}`);
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

/**
 * Returns `name   min  median  max ms   1.05 x`; the ratio is to the median of a yardstick measured
 * in the same run.
 */
export function row(name: string, times: readonly number[], yardstick?: number): string {
  const figures = [Math.min(...times), median(times), Math.max(...times)]
    .map((ms) => `${ms.toFixed(1).padStart(8)} ms`).join(" ");
  const ratio = yardstick === undefined ? "" : `   ${(median(times) / yardstick).toFixed(2)} x`;
  return `${name.padEnd(34)} ${figures}${ratio}`;
}

/** Prints `ok` or `OVER` with the figures, and returns true for `ok`. */
export function verdict(name: string, value: number, limit: number, unit: string): boolean {
  const ok = value <= limit;
  const figures = `${value.toFixed(2)} ${unit}, limit ${limit} ${unit}`;
  console.log(`${ok ? "ok  " : "OVER"} ${name}: ${figures}`);
  return ok;
}

/** Highest busy share of the processors' time at which the machine counts as idle. */
const IDLE_SHARE = 0.1;
const SAMPLE_MS = 250;
const IDLE_SAMPLES = 2;
const IDLE_WITHIN_MS = 20_000;

/**
 * Waits until the machine is idle: work that a measurement started (containers that boot, a file
 * system that frees deleted data) must not slow down the next one. Continues after 20 seconds in
 * any case.
 */
export async function untilIdle(): Promise<void> {
  const until = performance.now() + IDLE_WITHIN_MS;
  let before = await processorTimes();
  for (let idle = 0; idle < IDLE_SAMPLES && performance.now() < until;) {
    await sleep(SAMPLE_MS);
    const now = await processorTimes();
    const busy = (now.busy - before.busy) / (now.all - before.all);
    idle = busy < IDLE_SHARE ? idle + 1 : 0;
    before = now;
  }
}

/**
 * Returns the ticks since the boot, from the first line of `/proc/stat`: user, nice, system, idle,
 * iowait, …
 */
async function processorTimes(): Promise<{ busy: number; all: number }> {
  const [line = ""] = (await Deno.readTextFile("/proc/stat")).split("\n");
  const ticks = line.split(/ +/).slice(1, 9).map(Number);
  const all = ticks.reduce((sum, each) => sum + each, 0);
  return { all, busy: all - (ticks[3] ?? 0) };
}

/** Runs in a temporary directory, which is removed afterwards. */
export async function withDirectory<T>(run: (dir: string) => Promise<T>): Promise<T> {
  const dir = await Deno.makeTempDir({ prefix: "anklume-bench-" });
  try {
    return await run(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

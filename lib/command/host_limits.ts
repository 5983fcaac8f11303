import { CommandError, runCommand } from "../host/command.ts";
import type { HostLimits } from "../plan/actual_state.ts";

const KEYS = ["fs.inotify.max_user_instances", "kernel.keys.maxkeys"] as const;
const TIMEOUT_MS = 10_000;

/**
 * Kernel limits that many containers exhaust. `/proc` is closed to a Deno program, so sysctl is asked; what it does not tell
 * is left out, since a forecast is worth no failure.
 */
export async function readHostLimits(signal: AbortSignal): Promise<HostLimits> {
  const [inotifyInstances, keys] = await Promise.all(KEYS.map((key) => readKey(key, signal)));
  return {
    ...(inotifyInstances === undefined ? {} : { inotifyInstances }),
    ...(keys === undefined ? {} : { keys }),
  };
}

async function readKey(key: string, signal: AbortSignal): Promise<number | undefined> {
  try {
    const { stdout } = await runCommand(["sysctl", "-n", key], { signal, timeoutMs: TIMEOUT_MS });
    const value = Number(stdout.trim());
    return Number.isInteger(value) && value > 0 ? value : undefined;
  } catch (error) {
    if (error instanceof CommandError && error.reason !== "interrupted") return undefined;
    throw error;
  }
}

import { CommandError, PATIENCE_MS, runCommand } from "../host/command.ts";
import type { HostLimits } from "../plan/actual_state.ts";
import { optional } from "../diag/optional.ts";

const KEYS = ["fs.inotify.max_user_instances", "kernel.keys.maxkeys"] as const;
/**
 * Kernel limits that many containers exhaust. `/proc` is closed to a Deno program, so sysctl is asked; what it does not tell
 * is left out, since a forecast is worth no failure.
 */
export async function readHostLimits(signal: AbortSignal): Promise<HostLimits> {
  const values = await readKeys(signal);
  const [inotifyInstances, keys] = KEYS.map((key) => values.get(key));
  return {
    ...optional({ inotifyInstances, keys }),
  };
}

async function readKeys(signal: AbortSignal): Promise<Map<string, number>> {
  try {
    // -e: a key that this kernel lacks is passed over.
    const argv = ["sysctl", "-e", ...KEYS] as const;
    const { stdout } = await runCommand(argv, { signal, timeoutMs: PATIENCE_MS });
    return new Map(
      stdout.split("\n").flatMap((line) => {
        const [, key = "", text] = /^(\S+) = (\d+)$/.exec(line) ?? [];
        return Number(text) > 0 ? [[key, Number(text)] as const] : [];
      }),
    );
  } catch (error) {
    if (error instanceof CommandError && error.reason !== "interrupted") return new Map();
    throw error;
  }
}

import { CommandError, PATIENCE_MS, runCommand } from "../host/command.ts";
import type { HostLimits } from "../plan/actual_state.ts";
import { optional } from "../diag/optional.ts";

const KEYS = ["fs.inotify.max_user_instances", "kernel.keys.maxkeys"] as const;
/**
 * Reads kernel limits that many containers exhaust. A Deno program cannot read `/proc`, so sysctl
 * is called. A value that sysctl does not report is left out: a forecast must not fail for it.
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
    // -e: sysctl skips a key that this kernel lacks.
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

import { sameValue } from "../resource/value.ts";
import type { LiveMachine, LivePool } from "./live_machine.ts";

/**
 * Returns what the user should know of each pool's driver before a set is taken there. Empty for
 * drivers without a limit.
 */
export function driverNotes(
  machines: readonly LiveMachine[],
  pools: readonly LivePool[],
): string[] {
  return pools.flatMap((pool) => {
    const concerned = machines.some(({ rootPool, volumes }) =>
      rootPool === pool.name || volumes.some((volume) => volume.pool === pool.name)
    );
    const note = concerned ? noteOf(pool) : undefined;
    return note === undefined ? [] : [`pool ${pool.name} (${pool.driver}): ${note}`];
  });
}

function noteOf({ driver, config }: LivePool): string | undefined {
  switch (driver) {
    case "dir":
      return "each snapshot is a full copy, and a running machine is frozen while Incus copies";
    case "zfs":
      return sameValue("", config["volume.zfs.remove_snapshots"], "true")
        ? "a restore removes the snapshots that are newer"
        : "only the latest snapshot can be restored, unless volume.zfs.remove_snapshots is set";
    case "lvm":
      return sameValue("", config["lvm.use_thinpool"] ?? "true", "true")
        ? undefined
        : "without a thin pool each snapshot reserves as much as its disk";
    default:
      return undefined;
  }
}

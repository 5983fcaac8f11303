import { addSpan, BASELINE } from "./set_name.ts";
import { type SnapshotSet, wasToGo } from "./snapshot_set.ts";

export interface PruneWish {
  /**
   * Keeps this many of the newest sets that the user took, and as many of the automatic ones;
   * undefined: no set is kept for being new.
   */
  readonly keep?: number;
  /** Deletes only sets that are older than this, such as `30d`. */
  readonly olderThan?: string;
  readonly now: Date;
  /** Sets that an interrupted restore still needs. */
  readonly needed: (name: string) => boolean;
}

export interface PruneChoice {
  /** Oldest first. */
  readonly goes: readonly SnapshotSet[];
  readonly stays: readonly SnapshotSet[];
  /** Sets that prune would delete, but keeps for a reason. */
  readonly spared: readonly { readonly set: SnapshotSet; readonly because: string }[];
}

/**
 * Chooses the sets to delete: those that anklume took, beyond the newest `keep` of each kind, and
 * older than `olderThan`. An incomplete set does not count towards `keep`. It is deleted only by name, or if
 * an earlier prune was interrupted while it deleted that set. Snapshots of Incus's schedule have an
 * expiry of their own; those made by hand are not anklume's. Pure; `sets` oldest first.
 */
export function choosePrune(sets: readonly SnapshotSet[], wish: PruneWish): PruneChoice {
  const limit = wish.olderThan === undefined
    ? undefined
    : addSpan(wish.now, wish.olderThan, -1).toISOString();
  const ours = sets.filter(({ origin }) => origin !== "schedule" && origin !== "other");
  const whole = ours.filter((set) => set.faults.length === 0 && set.name !== BASELINE);
  const keep = wish.keep ?? 0;
  const newest = (some: readonly SnapshotSet[]) => some.slice(Math.max(0, some.length - keep));
  // Automatic sets do not push out what the user took, nor the other way round.
  const kept = new Set([
    ...newest(whole.filter((set) => !isAutomatic(set))),
    ...newest(whole.filter(isAutomatic)),
  ]);
  const goes: SnapshotSet[] = [];
  const stays: SnapshotSet[] = [];
  const spared: { set: SnapshotSet; because: string }[] = [];
  for (const set of ours) {
    const because = sparedBecause(set, wish);
    if (wasToGo(set) && because === undefined) goes.push(set);
    else if (kept.has(set) || (limit !== undefined && set.at >= limit)) stays.push(set);
    else if (because !== undefined) spared.push({ set, because });
    else goes.push(set);
  }
  return { goes, stays, spared };
}

/** Taken by anklume before it changed something. */
function isAutomatic({ origin }: SnapshotSet): boolean {
  return origin === "safety" || origin === "apply";
}

function sparedBecause(set: SnapshotSet, { needed }: PruneWish): string | undefined {
  if (needed(set.name)) return "an interrupted restore needs it";
  if (set.name === BASELINE) return "`anklume reset` uses it";
  if (set.faults.length > 0 && !wasToGo(set)) {
    return `incomplete; \`anklume snapshot delete ${set.name}\` removes it`;
  }
  return undefined;
}

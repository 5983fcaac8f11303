import type { RestorePlan } from "../snapshot/plan_restore.ts";
import type { SetMember } from "../snapshot/snapshot_set.ts";
import type { SnapshotEvent, WorkResult } from "../snapshot/snapshot_event.ts";
import type { TakeResult } from "../snapshot/take_set.ts";
import type { JsonLine } from "./json_lines.ts";
import { optional } from "../diag/optional.ts";

// The lines that the snapshot verbs print with --json, one JSON object each, in the stream of
// `json_lines.ts`.

/** The work on a set. */
export type SetVerb = "take" | "restore" | "delete";

/** Returns the line of an event of one machine. `at`: milliseconds since the epoch. */
export function snapshotLine(
  set: string,
  does: SetVerb,
  { type: state, ...event }: SnapshotEvent,
  at: number,
): JsonLine {
  return { type: "snapshot", at, set, does, state, ...event };
}

/** Returns the line with the result of the set. */
export function setLine(set: string, does: SetVerb, result: WorkResult | TakeResult): JsonLine {
  const { done, failed, skipped } = result;
  const whole = failed.length + skipped.length === 0;
  const past = { take: "taken", restore: "restored", delete: "deleted" }[does];
  const outcome = "outcome" in result ? result.outcome : whole ? past : "incomplete";
  return { type: "set", set, does, outcome, done, failed, skipped };
}

/** Returns the line with the plan of a restore. */
export function restoreLine(
  { set, machines, gone, broken, ground, leftAlone }: RestorePlan,
  safety: string | undefined,
): JsonLine {
  const places = (members: readonly SetMember[]) =>
    members.map(({ project, machine }) => ({ project, machine }));
  const lives = (all: typeof leftAlone) =>
    all.map(({ project, name }) => ({ project, machine: name }));
  return {
    type: "restore",
    set: set.name,
    ...optional({ safety }),
    machines: machines.map(({ live, runs, lostVolumes, goneVolumes, newVolumes }) => ({
      project: live.project,
      machine: live.name,
      runs,
      lostVolumes,
      goneVolumes,
      newVolumes,
    })),
    gone: places(gone),
    broken: places(broken),
    ground: lives(ground),
    leftAlone: lives(leftAlone),
  };
}

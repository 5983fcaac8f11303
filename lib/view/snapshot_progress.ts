import type { SnapshotEvent, WorkResult } from "../snapshot/snapshot_event.ts";
import type { GroupProgress, ProgressState } from "./progress.ts";
import type { Style } from "./style.ts";
import { hang, printable } from "./text.ts";
import { count, duration } from "./number_text.ts";

/** Returns the state before the start: one line per project. */
export function initialSnapshotProgress(
  machines: readonly { readonly project: string }[],
): ProgressState {
  const groups = new Map<string | undefined, GroupProgress>();
  for (const [project, ofProject] of Map.groupBy(machines, (machine) => machine.project)) {
    const total = ofProject.length;
    groups.set(project, { total, done: 0, failed: 0, skipped: 0, busy: new Map() });
  }
  return { groups };
}

/** Returns the state after one event. */
export function advanceSnapshot(state: ProgressState, event: SnapshotEvent): ProgressState {
  const group = state.groups.get(event.project);
  if (group === undefined) return state;
  const busy = new Map(group.busy);
  if (event.type === "busy") busy.set(event.machine, `${event.machine}: ${event.text}`);
  else busy.delete(event.machine);
  const plus = (type: SnapshotEvent["type"]) => event.type === type ? 1 : 0;
  const groups = new Map(state.groups).set(event.project, {
    total: group.total,
    done: group.done + plus("done"),
    failed: group.failed + plus("failed"),
    skipped: group.skipped + plus("skipped"),
    busy,
  });
  return { groups };
}

/**
 * Returns one plain line for a pipe; undefined for events that a log does not need. `past`:
 * `taken`, `restored`.
 */
export function snapshotEventLine(
  event: SnapshotEvent,
  past: string,
  { colors }: Style,
): string | undefined {
  switch (event.type) {
    case "busy":
      return undefined;
    case "done":
      return `  ${colors.green(past)} ${event.machine}  ${colors.dim(duration(event.ms))}`;
    case "failed":
      return `  ${colors.red("FAILED")} ${event.machine}: ${printable(event.message)}`;
    case "skipped":
      return `  ${colors.yellow("skipped")} ${event.machine}: ${event.because}`;
  }
}

/** Returns what failed and what was not started, with Incus's messages; empty if all was done. */
export function failuresText(result: WorkResult, { colors, width }: Style): string {
  const lines: string[] = [];
  if (result.failed.length > 0) {
    lines.push(colors.red(`Failed: ${count(result.failed.length, "machine")}.`));
    for (const { machine, message } of result.failed) {
      lines.push(hang("  ", `${machine}: ${printable(message)}`, width));
    }
  }
  if (result.skipped.length > 0) {
    lines.push(colors.yellow(`Not begun: ${count(result.skipped.length, "machine")}.`));
  }
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}

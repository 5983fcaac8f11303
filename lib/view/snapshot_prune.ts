import type { PruneChoice } from "../snapshot/choose_prune.ts";
import type { SnapshotSet } from "../snapshot/snapshot_set.ts";
import type { JsonLine } from "./json_lines.ts";
import { contents, localTime } from "./snapshot.ts";
import type { Style } from "./style.ts";
import { hang } from "./text.ts";
import type { LineView } from "./view.ts";

/** What a prune deletes and keeps. */
interface PlannedPrune extends PruneChoice {
  /** Sets that an earlier prune began to delete. */
  readonly begun: ReadonlySet<SnapshotSet>;
}

function pruneText({ goes, stays, spared, begun }: PlannedPrune, { colors, width }: Style): string {
  const lines = goes.map((set) => {
    const again = begun.has(set) ? "; an earlier prune was interrupted while deleting it" : "";
    const taken = `${set.name}, taken ${localTime(new Date(set.at))}`;
    return hang("Delete: ", `${taken}: ${contents(set.members)}${again}`, width);
  });
  for (const { set, because } of spared) {
    lines.push(colors.yellow(hang("Keep:   ", `${set.name}: ${because}`, width)));
  }
  if (goes.length === 0) {
    lines.push(`Nothing to prune: ${stays.length} of anklume's sets are kept.`);
  }
  return `${lines.join("\n")}\n`;
}

/** Returns the sets that will be deleted, and those that are kept although old enough. */
function pruneLine({ goes, spared }: PlannedPrune): JsonLine {
  return {
    type: "prune",
    goes: goes.map(({ name }) => name),
    spared: spared.map(({ set, because }) => ({ set: set.name, because })),
  };
}

/** `snapshot prune`, before it asks */
export const pruneView: LineView<PlannedPrune> = { text: pruneText, line: pruneLine };

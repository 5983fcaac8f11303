import { createTwoFilesPatch } from "diff";
import { isChange, type SyncEntry } from "./plan_sync.ts";

/** What `sync --dry-run` shows: one unified diff of all entries, empty when nothing changes. */
export function syncDiff(entries: readonly SyncEntry[]): string {
  return entries.filter(isChange).map(({ path, before, after }) =>
    createTwoFilesPatch(
      before === undefined ? "/dev/null" : `a/${path}`,
      after === undefined ? "/dev/null" : `b/${path}`,
      before ?? "",
      after ?? "",
      undefined,
      undefined,
      {
        context: 3,
        headerOptions: { includeIndex: false, includeUnderline: false, includeFileHeaders: true },
      },
    )
  ).join("");
}

import { unifiedDiff } from "../diag/unified_diff.ts";
import { isChange, type SyncEntry } from "./plan_sync.ts";

/** What `sync --dry-run` shows: one unified diff of all entries, empty when nothing changes. */
export function syncDiff(entries: readonly SyncEntry[]): string {
  return entries.filter(isChange).map(({ path, before, after }) => unifiedDiff(path, before, after))
    .join("");
}

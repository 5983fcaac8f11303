import type { Style } from "./style.ts";
import { printable } from "./text.ts";
import { count } from "./number_text.ts";

/** One file, and the change sync made, or would make, to it. */
interface SyncedFile {
  readonly path: string;
  readonly status: "created" | "updated" | "unchanged" | "orphan" | "removed" | "vaulted";
}

/** Files that are wholly anklume's are only counted, except copies of replaced text. */
const OWN = /^\.anklume\/(?!replaced\/)/;

/**
 * Returns each file that changed or needs attention, then the sum; unchanged files are only
 * counted.
 */
export function syncText(files: readonly SyncedFile[], style: Style, dryRun: boolean): string {
  const paint = statusColors(style);
  const lines = files.filter(({ path, status }) => status !== "unchanged" && !OWN.test(path))
    .map(({ path, status }) => `  ${paint[status](status.padEnd(8))}  ${printable(path)}`);
  lines.push(syncSummary(files, dryRun));
  if (files.some(({ status }) => status === "orphan")) {
    lines.push(
      "Orphans are files of deleted machines or domains; they keep your own text.",
    );
    lines.push("`anklume sync --clean-orphans` removes them.");
  }
  return `${lines.join("\n")}\n`;
}

/** Returns a text such as `Workspace: 2 created, 1 updated, 12 unchanged.` */
export function syncSummary(files: readonly SyncedFile[], dryRun = false): string {
  const parts = (["created", "updated", "removed", "orphan", "vaulted"] as const).flatMap(
    (status) => {
      const number = files.filter((file) => file.status === status).length;
      if (number === 0) return [];
      return [status === "orphan" ? count(number, "orphan") : `${number} ${status}`];
    },
  );
  const unchanged = files.filter(({ status }) => status === "unchanged").length;
  parts.push(`${unchanged} unchanged`);
  return `${dryRun ? "Workspace, if synced" : "Workspace"}: ${parts.join(", ")}.`;
}

function statusColors({ colors }: Style): Record<SyncedFile["status"], (text: string) => string> {
  return {
    created: colors.green,
    updated: colors.yellow,
    unchanged: colors.dim,
    orphan: colors.magenta,
    removed: colors.red,
    vaulted: colors.cyan,
  };
}

import type { Style } from "./style.ts";
import { count, printable } from "./text.ts";

/** What sync did, or would do, to one file. */
export interface SyncedFile {
  readonly path: string;
  readonly status: "created" | "updated" | "unchanged" | "orphan" | "removed" | "vaulted";
}

/** Files that are anklume's alone, from the first byte to the last, are only counted; copies of replaced text are not. */
const OWN = /^\.anklume\/(?!replaced\/)/;

/** Every file that changed or needs a look, then the sum; unchanged files are only counted. */
export function syncText(files: readonly SyncedFile[], style: Style, dryRun: boolean): string {
  const paint = statusColors(style);
  const lines = files.filter(({ path, status }) => status !== "unchanged" && !OWN.test(path))
    .map(({ path, status }) => `  ${paint[status](status.padEnd(8))}  ${printable(path)}`);
  lines.push(syncSummary(files, dryRun));
  if (files.some(({ status }) => status === "orphan")) {
    lines.push("Orphans belong to machines or domains that are gone; they keep your own text.");
    lines.push("`anklume sync --clean-orphans` removes them.");
  }
  return `${lines.join("\n")}\n`;
}

/** `Workspace: 2 files created, 1 updated, 12 unchanged.` */
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

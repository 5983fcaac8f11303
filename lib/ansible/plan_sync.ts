import type { Diagnostic, SourceRange } from "../diag/diagnostic.ts";
import { isLeftAside } from "../host/write_file.ts";
import { type ExistingFiles, OWN_DIRECTORIES, SECTION_DIRECTORIES } from "./existing_files.ts";
import { checkFile, hasUserContent, orphanBody } from "./file_check.ts";
import { digestOf, findSection, isVaulted, mergeManaged } from "./managed_section.ts";
import { checkPaths } from "./path_check.ts";
import { type FileShape, isYaml, type TreeFile } from "./tree_file.ts";

export type SyncStatus =
  | "created"
  | "updated"
  | "unchanged"
  /** No longer needed; it has lost what its section held, and keeps the user's text. */
  | "orphan"
  /** Deleted: an orphan with `--clean-orphans`, a file of anklume's own that is no longer shipped, or what a killed sync was writing. */
  | "removed"
  /** Encrypted as a whole; left alone. */
  | "vaulted";

/** What sync does to one file. Nothing where `before` equals `after`. */
export interface SyncEntry {
  readonly path: string;
  readonly status: SyncStatus;
  /** undefined: there is no file. */
  readonly before?: string;
  /** undefined: there will be no file. */
  readonly after?: string;
}

/** Everything sync would do: data, by path. With an error among `diagnostics` it does nothing. */
export interface SyncPlan {
  readonly entries: readonly SyncEntry[];
  readonly diagnostics: readonly Diagnostic[];
}

export interface SyncOptions {
  readonly cleanOrphans: boolean;
  /** Paths that are neither written nor orphans: those of disabled domains. */
  readonly frozen: ReadonlySet<string>;
}

/** Compares the tree with the files that stand. Pure; deterministic. */
export function planSync(
  tree: readonly TreeFile[],
  existing: ExistingFiles,
  options: SyncOptions,
): SyncPlan {
  const entries: SyncEntry[] = [];
  const diagnostics: Diagnostic[] = checkPaths(tree, existing);
  for (const file of tree) {
    const there = existing.get(file.path);
    if (there !== undefined && there.kind !== "text") continue;
    if (file.kind === "whole") entries.push(entry(file.path, there?.text, file.text));
    else planSection(file, there?.text, entries, diagnostics);
  }
  const planned = new Set(tree.map((file) => file.path));
  for (const [path, there] of existing) {
    if (there.kind !== "text" || planned.has(path) || options.frozen.has(path)) continue;
    if (isLeftAside(path) || isUnder(path, OWN_DIRECTORIES)) {
      entries.push({ path, status: "removed", before: there.text });
    } else if (isUnder(path, SECTION_DIRECTORIES)) {
      planOrphan(path, there.text, options.cleanOrphans, entries, diagnostics);
    }
  }
  entries.push(...keptCopies(entries, diagnostics));
  return { entries: entries.sort(byPath), diagnostics };
}

/** Whether the entry changes anything on disk. */
export function isChange(entry: SyncEntry): boolean {
  return entry.before !== entry.after;
}

type SectionFile = Extract<TreeFile, { kind: "section" }>;

function planSection(
  file: SectionFile,
  before: string | undefined,
  entries: SyncEntry[],
  diagnostics: Diagnostic[],
): void {
  // An owner who had one keeps it: a second list of the same name would undo the first.
  const foreign = before !== undefined && findSection(before) === undefined;
  if (file.shape === "requirements" && foreign) return;
  const after = mergeInto(file.path, before, file, diagnostics);
  if (after === undefined) {
    if (before === undefined || !isVaulted(before)) return;
    entries.push({ path: file.path, status: "vaulted", before, after: before });
    diagnostics.push(vaulted(file.path, file.shape));
    return;
  }
  diagnostics.push(...checkFile(file.path, after, file.shape));
  entries.push(entry(file.path, before, after));
}

function planOrphan(
  path: string,
  before: string,
  clean: boolean,
  entries: SyncEntry[],
  diagnostics: Diagnostic[],
): void {
  // Without markers the file was never ours, or is encrypted.
  if (isVaulted(before) || findSection(before) === undefined) return;
  const shape = path.startsWith("inventory/") ? "inventory" : "variables";
  const body = orphanBody(before, shape);
  const after = mergeInto(path, before, { body, shape }, diagnostics);
  if (after === undefined) return;
  entries.push(
    clean ? { path, status: "removed", before } : { path, status: "orphan", before, after },
  );
}

/** The text with its section replaced; undefined when it must be left alone, with the reason reported. */
function mergeInto(
  path: string,
  before: string | undefined,
  { body, shape, places }: Pick<SectionFile, "body" | "shape" | "places">,
  diagnostics: Diagnostic[],
): string | undefined {
  const merge = mergeManaged(before, body, isYaml(shape) ? "yaml" : "lines", places);
  if (merge.kind === "vaulted") return undefined;
  if (merge.kind === "damaged") {
    for (const problem of merge.problems) {
      diagnostics.push({
        severity: "error",
        code: "MARKER_DAMAGED",
        summary: `${problem.summary}: anklume cannot find the managed section`,
        remedy:
          "Restore the marker, or remove the section with both markers; sync then writes it again",
        range: lineOf(path, problem.line),
      });
    }
    return undefined;
  }
  if (merge.edited !== undefined) {
    diagnostics.push({
      severity: "warning",
      code: "SECTION_EDITED",
      summary: `The managed section of ${path} was changed by hand; sync replaces it`,
      detail: `The file as it was is kept as ${copyPath(path, before ?? "")}`,
      remedy: "Write text that should stay below END MANAGED",
      range: lineOf(path, merge.edited.line),
    });
  }
  return merge.text;
}

/**
 * What sync is about to take away of the user's own is kept in `.anklume/replaced/`: sections that
 * were edited by hand, and the text in files that `--clean-orphans` removes.
 */
function keptCopies(
  entries: readonly SyncEntry[],
  diagnostics: readonly Diagnostic[],
): SyncEntry[] {
  const edited = new Set(
    diagnostics.filter(({ code }) => code === "SECTION_EDITED").map(({ range }) => range?.file),
  );
  return entries.flatMap(({ path, status, before }) => {
    const lost = edited.has(path) ||
      (status === "removed" && !isLeftAside(path) && !isUnder(path, OWN_DIRECTORIES) &&
        hasUserContent(before ?? ""));
    if (!lost || before === undefined) return [];
    return [{ path: copyPath(path, before), status: "created" as const, after: before }];
  });
}

function copyPath(path: string, text: string): string {
  return `.anklume/replaced/${path}.${digestOf(text)}`;
}

function entry(path: string, before: string | undefined, after: string): SyncEntry {
  if (before === undefined) return { path, status: "created", after };
  return { path, status: before === after ? "unchanged" : "updated", before, after };
}

function vaulted(path: string, shape: FileShape): Diagnostic {
  const variables = shape === "variables";
  return {
    severity: variables ? "warning" : "error",
    code: "FILE_VAULTED",
    summary: `${path} is encrypted as a whole, so anklume cannot write its section`,
    detail: variables
      ? "The file stays as it is; anklume's variables in it do not reach Ansible"
      : "Without its section Ansible does not find the machines",
    remedy: variables
      ? `Make it ${
        path.replace(/(\/anklume)?\.yml$/, "/vault.yml")
      }, so that anklume can write its own file beside it`
      : "Decrypt it, and keep secrets in group_vars/ or host_vars/",
    range: lineOf(path, 1),
  };
}

function lineOf(file: string, line: number): SourceRange {
  return { file, start: { line, column: 1 }, end: { line, column: 1 } };
}

function isUnder(path: string, directories: readonly string[]): boolean {
  return directories.some((directory) => path.startsWith(directory + "/"));
}

function byPath(a: SyncEntry, b: SyncEntry): number {
  return a.path < b.path ? -1 : a.path > b.path ? 1 : 0;
}

import type { Diagnostic, SourceRange } from "../diag/diagnostic.ts";
import { isLeftAside } from "../host/write_file.ts";
import { type ExistingFiles, OWN_DIRECTORIES, SECTION_DIRECTORIES } from "./existing_files.ts";
import { checkFile, hasUserContent, orphanBody } from "./file_check.ts";
import { digestOf, findSection, isVaulted, mergeManaged } from "./managed_section.ts";
import { checkPaths } from "./path_check.ts";
import { type FileShape, isYaml, type TreeFile } from "./tree_file.ts";

type SyncStatus =
  | "created"
  | "updated"
  | "unchanged"
  /** No longer needed: its section is emptied, the user's text is kept. */
  | "orphan"
  /**
   * Deleted: an orphan with `--clean-orphans`, a file of anklume's own that is no longer shipped,
   * or the unfinished file of a killed sync.
   */
  | "removed"
  /** Encrypted as a whole; not changed. */
  | "vaulted";

/** The change of one file. None if `before` equals `after`. */
export interface SyncEntry {
  readonly path: string;
  readonly status: SyncStatus;
  /** undefined: the file does not exist. */
  readonly before?: string;
  /** undefined: the file will not exist. */
  readonly after?: string;
}

/** All changes that sync would make, by path. With an error among `diagnostics` it makes none. */
export interface SyncPlan {
  readonly entries: readonly SyncEntry[];
  readonly diagnostics: readonly Diagnostic[];
}

interface SyncOptions {
  readonly cleanOrphans: boolean;
  /** Paths that are neither written nor orphans: those of disabled domains. */
  readonly frozen: ReadonlySet<string>;
}

/** Compares the tree with the existing files. Pure; deterministic. */
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

/** True if the entry changes anything on disk. */
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
  // The user's own requirements.yml stays: a second list of the same name would replace the first.
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
  // A file without markers was never ours, or is encrypted.
  if (isVaulted(before) || findSection(before) === undefined) return;
  const shape = path.startsWith("inventory/") ? "inventory" : "variables";
  const body = orphanBody(before, shape);
  const after = mergeInto(path, before, { body, shape }, diagnostics);
  if (after === undefined) return;
  entries.push(
    clean ? { path, status: "removed", before } : { path, status: "orphan", before, after },
  );
}

/**
 * Returns the text with its section replaced; undefined if the file must not be changed; the reason
 * is then reported.
 */
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
      remedy: "Write your own text below END MANAGED: it is kept there",
      range: lineOf(path, merge.edited.line),
    });
  }
  return merge.text;
}

/**
 * Returns copies, in `.anklume/replaced/`, of the user's text that sync will remove: sections that
 * were edited by hand, and text in files that `--clean-orphans` removes.
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

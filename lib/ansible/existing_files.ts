import { fileKind, listDirectory, readFileBytes } from "../host/workspace_file.ts";
import { isLeftAside } from "../host/write_file.ts";
import type { EntryKind, RootOption } from "../host/workspace_path.ts";

/** A file in the workspace that sync may have to handle. */
export type ExistingFile =
  | { readonly kind: "text"; readonly text: string }
  /** Not UTF-8. */
  | { readonly kind: "binary" }
  | { readonly kind: Exclude<EntryKind, "file"> };

/** The files that sync compares with or that block it, by path. Directories only if they matter. */
export type ExistingFiles = ReadonlyMap<string, ExistingFile>;

/** Directories of files with managed sections. */
export const SECTION_DIRECTORIES = [
  "inventory",
  "group_vars",
  "host_vars",
  // Of anklume 0.1.0; now an orphan.
  "shell_plugins",
] as const;
/** Directories that only anklume writes; each sync rewrites them. */
export const OWN_DIRECTORIES = [".anklume/roles", ".anklume/plugins"] as const;

/**
 * Reads all files that sync compares with: the files at the top, the directories of generated files
 * one level deep (and the files in `group_vars/<group>/`), `.anklume/`, and the files that a killed
 * sync left.
 */
export function readExisting(
  paths: readonly string[],
  options: RootOption = {},
): ExistingFiles {
  const found = new Map<string, ExistingFile>();
  const add = (path: string, kind: EntryKind) => {
    found.set(path, kind === "file" ? decode(readFileBytes(path, options)) : { kind });
  };
  const walk = (directory: string, depth: number) => {
    for (const entry of listDirectory(directory, options)) {
      const path = `${directory}/${entry.name}`;
      add(path, entry.kind);
      if (entry.kind === "directory" && depth > 0) walk(path, depth - 1);
    }
  };
  const visit = (directory: string, depth: number) => {
    const kind = fileKind(directory, options);
    if (kind === undefined) return;
    if (kind === "directory") walk(directory, depth);
    else found.set(directory, { kind: kind === "file" ? "other" : kind });
  };

  for (const directory of SECTION_DIRECTORIES) {
    visit(directory, directory.endsWith("_vars") ? 1 : 0);
  }
  const own = fileKind(".anklume", options);
  if (own !== undefined && own !== "directory") {
    found.set(".anklume", { kind: own === "file" ? "other" : own });
  } else {
    for (const directory of OWN_DIRECTORIES) visit(directory, Infinity);
  }
  for (const directory of own === "directory" ? [".", ".anklume"] : ["."]) {
    for (const { name, kind } of listDirectory(directory, options)) {
      if (isLeftAside(name)) add(directory === "." ? name : `${directory}/${name}`, kind);
    }
  }
  for (const path of paths.filter((path) => !found.has(path))) {
    if (!parentsAreDirectories(path, found, options)) continue;
    const kind = fileKind(path, options);
    if (kind !== undefined) add(path, kind);
  }
  return found;
}

/**
 * Returns the directories in `group_vars/` and `host_vars/`: Ansible reads them instead of a file
 * beside them.
 */
export function variableDirectories(existing: ExistingFiles): Set<string> {
  const directories = [...existing].filter(([path, file]) =>
    file.kind === "directory" && /^(group|host)_vars\/[^/]+$/.test(path)
  );
  return new Set(directories.map(([path]) => path));
}

/**
 * Returns false if a parent of the path is no directory. That parent is recorded, and nothing below
 * it is read.
 */
function parentsAreDirectories(
  path: string,
  found: Map<string, ExistingFile>,
  options: RootOption,
): boolean {
  const parts = path.split("/");
  for (let length = 1; length < parts.length; length++) {
    const parent = parts.slice(0, length).join("/");
    const kind = fileKind(parent, options);
    if (kind === undefined) return false;
    if (kind !== "directory") {
      found.set(parent, { kind: kind === "file" ? "other" : kind });
      return false;
    }
  }
  return true;
}

function decode(bytes: Uint8Array): ExistingFile {
  try {
    // A byte order mark is the user's: it must be kept when the file is written.
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    return { kind: "text", text: decoder.decode(bytes) };
  } catch {
    return { kind: "binary" };
  }
}

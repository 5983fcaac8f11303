import { errorCode, FileError, type FileVerb, toFileError } from "./file_error.ts";

/** What stands at a path, a symbolic link not followed. */
export type EntryKind = "file" | "directory" | "symlink" | "other";

/** The directory below which paths are relative: the workspace (`.`), or one of the host's such as `/etc/anklume`. */
export interface RootOption {
  /** Default: the current directory, which is the workspace. */
  readonly root?: string;
}

/**
 * `root` and `path` joined, after checking that every component between them that exists is a real directory: a read or
 * write grant for the current directory follows symbolic links out of it. Throws `FileError` (`symlink`, `bad-path`,
 * `not-a-directory`). What stands at the end of the path is answered too, undefined where nothing does.
 */
export function inspectPath(
  verb: FileVerb,
  path: string,
  root = ".",
): { full: string; parent: string; entry: Deno.FileInfo | undefined } {
  const names = splitPath(verb, path);
  let parent = root;
  for (const name of names.slice(0, -1)) {
    parent = `${parent}/${name}`;
    const info = lstat(verb, parent, path);
    if (info === undefined) break;
    if (info.isSymlink) throw new FileError(verb, path, "symlink");
    if (!info.isDirectory) throw new FileError(verb, path, "not-a-directory");
  }
  parent = [root, ...names.slice(0, -1)].join("/");
  const full = `${parent}/${names.at(-1)}`;
  const entry = lstat(verb, full, path);
  if (entry?.isSymlink) throw new FileError(verb, path, "symlink");
  return { full, parent, entry };
}

/** The components of a relative path that stays below its root. */
function splitPath(verb: FileVerb, path: string): string[] {
  const names = path.split("/");
  const bad = names.some((name) => name === "" || name === "." || name === "..");
  if (bad || path.includes("\0")) throw new FileError(verb, path, "bad-path");
  return names;
}

/** undefined where nothing is there. `shown` is the path an error names. */
export function lstat(
  verb: FileVerb,
  path: string,
  shown: string,
): Deno.FileInfo | undefined {
  try {
    return Deno.lstatSync(path);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw toFileError(verb, shown, error);
  }
}

export function entryKind(info: Deno.FileInfo | Deno.DirEntry): EntryKind {
  if (info.isSymlink) return "symlink";
  if (info.isFile) return "file";
  return info.isDirectory ? "directory" : "other";
}

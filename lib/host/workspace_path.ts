import { errorCode, FileError, type FileVerb, toFileError } from "./file_error.ts";

/** The kind of an entry. A symbolic link is not followed. */
export type EntryKind = "file" | "directory" | "symlink" | "other";

/**
 * The directory that paths are relative to: the workspace (`.`), or one of the host's directories
 * such as `/etc/anklume`.
 */
export interface RootOption {
  /** Default: the current directory, which is the workspace. */
  readonly root?: string;
}

/**
 * Joins `root` and `path` and checks that every existing directory between them is a real
 * directory: a read or write grant for the current directory would follow symbolic links out of it.
 * Throws `FileError` (`symlink`, `bad-path`, `not-a-directory`). The result also describes the
 * entry at the end of the path; undefined if there is none.
 */
export function inspectPath(
  verb: FileVerb,
  path: string,
  root = ".",
): InspectedPath {
  const names = splitPath(verb, path);
  const above = rootInfo(verb, path, root);
  let parent = root;
  for (const name of names.slice(0, -1)) {
    parent = `${parent}/${name}`;
    const info = lstat(verb, parent, path);
    if (info === undefined) break;
    if (info.isSymlink) throw new FileError(verb, path, "symlink");
    if (!info.isDirectory) throw new FileError(verb, path, "not-a-directory");
    above.push(info);
  }
  parent = [root, ...names.slice(0, -1)].join("/");
  const full = `${parent}/${names.at(-1)}`;
  const entry = lstat(verb, full, path);
  if (entry?.isSymlink) throw new FileError(verb, path, "symlink");
  return { full, parent, entry, above };
}

/**
 * Returns the present state of the root. Deno looks at it by its absolute path. A user who may not
 * enter that path is not root, and can write through a link only where they may write anyway.
 */
function rootInfo(verb: FileVerb, path: string, root: string): Deno.FileInfo[] {
  try {
    return [Deno.statSync(root)];
  } catch (error) {
    if (error instanceof Deno.errors.PermissionDenied) return [];
    throw toFileError(verb, path, error);
  }
}

/** A path and the directories above it, as they were when they were checked. */
export interface InspectedPath {
  readonly full: string;
  readonly parent: string;
  readonly entry: Deno.FileInfo | undefined;
  /** The existing directories from `root` down to the parent. */
  readonly above: readonly Deno.FileInfo[];
}

/**
 * True if a user other than root could replace something on the path. Only then must it be checked
 * again.
 */
export function isContested({ above }: InspectedPath): boolean {
  return above.some(isOthers);
}

/** True if users other than root can write in a directory. */
export function isOthers({ uid, gid, mode }: Deno.FileInfo): boolean {
  const bits = mode ?? 0;
  // In a sticky directory nobody can remove root's files.
  const shared = (bits & 0o1000) === 0 &&
    ((bits & 0o002) !== 0 || ((bits & 0o020) !== 0 && gid !== 0));
  return uid !== 0 || shared;
}

/**
 * Opens an existing file for reading (and for writing in place). The path must contain no symbolic
 * link. Deno cannot tell this to the kernel. So if somebody could replace a directory meanwhile,
 * the path is checked again: the opened file must be the one at the path, and the owner of the
 * directory must be allowed to read it.
 */
export function openInside(
  verb: FileVerb,
  path: string,
  root: string,
  options: { readonly write?: true } = {},
): { file: Deno.FsFile; info: Deno.FileInfo } {
  const before = inspectPath(verb, path, root);
  if (before.entry === undefined) throw new FileError(verb, path, "missing");
  if (!before.entry.isFile) throw new FileError(verb, path, "not-a-file");
  const file = Deno.openSync(before.full, { read: true, ...options });
  try {
    const info = file.statSync();
    if (isContested(before)) {
      const { entry, above } = inspectPath(verb, path, root);
      const same = [before.entry, entry].every((each) =>
        each !== undefined && each.ino === info.ino && each.dev === info.dev
      );
      if (!same || !above.some((directory) => mayRead(directory, info))) {
        throw new FileError(verb, path, "exchanged");
      }
    }
    return { file, info };
  } catch (error) {
    file.close();
    throw error;
  }
}

/** True if the owner of a directory may read a file, judged by the file's own permission bits. */
function mayRead(directory: Deno.FileInfo, { uid, gid, mode }: Deno.FileInfo): boolean {
  const bits = mode ?? 0;
  return directory.uid === 0 || uid === directory.uid || (bits & 0o004) !== 0 ||
    ((bits & 0o040) !== 0 && gid === directory.gid);
}

/** Returns the components of a relative path that stays below its root. */
function splitPath(verb: FileVerb, path: string): string[] {
  const names = path.split("/");
  const bad = names.some((name) => name === "" || name === "." || name === "..");
  if (bad || path.includes("\0")) throw new FileError(verb, path, "bad-path");
  return names;
}

/** Returns undefined if there is no entry. `shown` is the path that an error names. */
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

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
 * The root, as it is now. Deno looks at it by its whole path: whoever may not go down that path is not root, and what they write
 * through a link is theirs anyway.
 */
function rootInfo(verb: FileVerb, path: string, root: string): Deno.FileInfo[] {
  try {
    return [Deno.statSync(root)];
  } catch (error) {
    if (error instanceof Deno.errors.PermissionDenied) return [];
    throw toFileError(verb, path, error);
  }
}

/** What leads to a path, as it was when it was looked at. */
export interface InspectedPath {
  readonly full: string;
  readonly parent: string;
  readonly entry: Deno.FileInfo | undefined;
  /** `root` and the directories below it that are there. */
  readonly above: readonly Deno.FileInfo[];
}

/** Whether somebody else than root could exchange what was looked at: only then it has to be looked at twice. */
export function isContested({ above }: InspectedPath): boolean {
  return above.some(isOthers);
}

/** Whether others than root may write in a directory. */
export function isOthers({ uid, gid, mode }: Deno.FileInfo): boolean {
  const bits = mode ?? 0;
  // In a sticky one nobody takes away what is root's.
  const shared = (bits & 0o1000) === 0 &&
    ((bits & 0o002) !== 0 || ((bits & 0o020) !== 0 && gid !== 0));
  return uid !== 0 || shared;
}

/**
 * Opens a file that is there for reading (and writing in place), through no symbolic link. Deno has no way to say that to the kernel, so
 * where somebody could exchange a directory meanwhile it is looked at again: what was opened has to be what stands there, and
 * nothing that its directory's owner may not read anyway.
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

/** Whether the owner of a directory may read a file, as far as its own bits tell. */
function mayRead(directory: Deno.FileInfo, { uid, gid, mode }: Deno.FileInfo): boolean {
  const bits = mode ?? 0;
  return directory.uid === 0 || uid === directory.uid || (bits & 0o004) !== 0 ||
    ((bits & 0o040) !== 0 && gid === directory.gid);
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

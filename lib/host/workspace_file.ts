import { errorCode, FileError, toFileError } from "./file_error.ts";
import {
  type EntryKind,
  entryKind,
  inspectPath,
  lstat,
  type RootOption,
} from "./workspace_path.ts";

/**
 * A file's text, a byte order mark included. Bytes that are no UTF-8 are a `FileError`, since writing the text back would
 * lose them; so are a directory, a device and a pipe (which would be waited for).
 */
export function readTextFile(path: string, options: RootOption = {}): string {
  const bytes = readFileBytes(path, options);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new FileError("read", path, "not-text", cause);
  }
}

/** A file's bytes, whatever they are; a directory, a device and a pipe are a `FileError`. */
export function readFileBytes(
  path: string,
  { root = "." }: RootOption = {},
): Uint8Array<ArrayBuffer> {
  const full = fullPath(path, root);
  try {
    if (!Deno.statSync(full).isFile) throw new FileError("read", path, "not-a-file");
    return Deno.readFileSync(full);
  } catch (error) {
    throw toFileError("read", path, error);
  }
}

/** A large file is read in pieces of so many bytes. */
export const PIECE_BYTES = 4 * 1024 * 1024;

/** As `readFileBytes`, but a large file is never in memory whole. */
export function* readPieces(
  path: string,
  { root = "." }: RootOption = {},
): Generator<Uint8Array<ArrayBuffer>> {
  const full = fullPath(path, root);
  try {
    const { isFile, size } = Deno.statSync(full);
    if (!isFile) throw new FileError("read", path, "not-a-file");
    if (size <= PIECE_BYTES) return yield Deno.readFileSync(full);
    using file = Deno.openSync(full);
    for (;;) {
      const piece = new Uint8Array(PIECE_BYTES);
      const length = file.readSync(piece);
      if (length === null) return;
      yield piece.subarray(0, length);
    }
  } catch (error) {
    throw toFileError("read", path, error);
  }
}

function fullPath(path: string, root: string): string {
  return path.startsWith("/") ? path : `${root}/${path}`;
}

/** As `readTextFile`; undefined where there is no such file. */
export function readTextFileIfAny(path: string, options: RootOption = {}): string | undefined {
  try {
    return readTextFile(path, options);
  } catch (error) {
    if (error instanceof FileError && error.reason === "missing") return undefined;
    throw error;
  }
}

/** What stands at a path; undefined where nothing does. A symbolic link is answered as such. */
export function fileKind(
  path: string,
  { root = "." }: RootOption = {},
): EntryKind | undefined {
  const info = lstat("read", `${root}/${path}`, path);
  return info && entryKind(info);
}

/** What stands at a path that leads through no symbolic link, and its permission bits; undefined where nothing does. */
export function entryAt(
  path: string,
  { root = "." }: RootOption = {},
): WorkspaceEntry | undefined {
  const { entry } = inspectPath("read", path, root);
  return entry && {
    kind: entryKind(entry),
    mode: (entry.mode ?? 0) & 0o7777,
    size: entry.size,
    modified: entry.mtime?.getTime() ?? 0,
    uid: entry.uid ?? 0,
  };
}

export interface WorkspaceEntry {
  readonly kind: EntryKind;
  /** Permission bits. */
  readonly mode: number;
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly modified: number;
  readonly uid: number;
}

/** A file's bytes as they are read, for what may not fit into memory. */
export async function openFile(
  path: string,
  { root = "." }: RootOption = {},
): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
  const { full, entry } = inspectPath("read", path, root);
  if (entry && !entry.isFile) throw new FileError("read", path, "not-a-file");
  try {
    return (await Deno.open(full)).readable;
  } catch (error) {
    throw toFileError("read", path, error);
  }
}

/** Names in a directory, sorted; empty where there is no such directory. */
export function listDirectory(
  path = ".",
  { root = "." }: RootOption = {},
): { name: string; kind: EntryKind }[] {
  const entries: { name: string; kind: EntryKind }[] = [];
  try {
    for (const entry of Deno.readDirSync(`${root}/${path}`)) {
      entries.push({ name: entry.name, kind: entryKind(entry) });
    }
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw toFileError("list", path, error);
  }
  // By code unit: the order must not depend on the machine's locale.
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Every regular file below a directory as `a/b.yml`, relative to it and sorted; symbolic links are neither followed nor listed. */
export function listFiles(path: string, options: RootOption = {}): string[] {
  const files: string[] = [];
  for (const { name, kind } of listDirectory(path, options)) {
    if (kind === "file") files.push(name);
    if (kind !== "directory") continue;
    for (const below of listFiles(`${path}/${name}`, options)) files.push(`${name}/${below}`);
  }
  return files;
}

/** Removes a file; false where there was none. */
export async function removeFile(path: string, { root = "." }: RootOption = {}): Promise<boolean> {
  const { full, entry } = inspectPath("remove", path, root);
  if (entry === undefined) return false;
  if (entry.isDirectory) throw new FileError("remove", path, "not-a-file");
  await remove(full, path, false);
  return true;
}

/** Removes a file, a pipe or a symbolic link itself, in a directory that is reached through none. */
export async function removeEntry(path: string, { root = "." }: RootOption = {}): Promise<void> {
  const at = path.lastIndexOf("/");
  const { entry } = inspectPath("remove", path.slice(0, at), root);
  if (!entry?.isDirectory) throw new FileError("remove", path, "not-a-directory");
  await remove(`${root}/${path}`, path, false);
}

/** Removes a directory and all that is in it, symbolic links as links; false where there was none. */
export async function removeTree(path: string, { root = "." }: RootOption = {}): Promise<boolean> {
  const { full, entry } = inspectPath("remove", path, root);
  if (entry === undefined) return false;
  if (!entry.isDirectory) throw new FileError("remove", path, "not-a-directory");
  await remove(full, path, true);
  return true;
}

async function remove(full: string, path: string, recursive: boolean): Promise<void> {
  try {
    await Deno.remove(full, { recursive });
  } catch (error) {
    throw toFileError("remove", path, error);
  }
}

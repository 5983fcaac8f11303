import { errorCode, FileError, toFileError } from "./file_error.ts";
import { OwnerHands } from "./owner_hands.ts";
import {
  type EntryKind,
  entryKind,
  type InspectedPath,
  inspectPath,
  lstat,
  openInside,
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

/** Nobody writes a larger text, and what came from elsewhere may hold anything. */
const MAX_BYTES = 64 * 1024 * 1024;

/** A file's bytes, whatever they are; a directory, a device, a pipe and what is too large are a `FileError`. */
export function readFileBytes(
  path: string,
  { root = "." }: RootOption = {},
): Uint8Array<ArrayBuffer> {
  try {
    const { file, info } = openInside("read", path, root);
    using _closed = file;
    if (info.size > MAX_BYTES) throw new FileError("read", path, "too-large");
    return readWhole(file, info.size);
  } catch (error) {
    throw toFileError("read", path, error);
  }
}

/** So many bytes, less where the file has become shorter meanwhile. */
function readWhole(file: Deno.FsFile, size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  let length = 0;
  while (length < size) {
    const read = file.readSync(bytes.subarray(length));
    if (read === null) break;
    length += read;
  }
  return bytes.subarray(0, length);
}

/** A large file is read in pieces of so many bytes. */
export const PIECE_BYTES = 4 * 1024 * 1024;

/** As `readFileBytes`, but of any size and never in memory whole. */
export function* readPieces(
  path: string,
  { root = "." }: RootOption = {},
): Generator<Uint8Array<ArrayBuffer>> {
  try {
    const { file, info } = openInside("read", path, root);
    using _closed = file;
    for (let left = info.size; left > 0;) {
      const piece = readWhole(file, Math.min(left, PIECE_BYTES));
      if (piece.length === 0) return;
      left -= piece.length;
      yield piece;
    }
  } catch (error) {
    throw toFileError("read", path, error);
  }
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
export function openFile(
  path: string,
  { root = "." }: RootOption = {},
): ReadableStream<Uint8Array<ArrayBuffer>> {
  try {
    return openInside("read", path, root).file.readable;
  } catch (error) {
    throw toFileError("read", path, error);
  }
}

/** Names in a directory that is reached through no symbolic link, sorted; empty where there is none. */
export function listDirectory(
  path = ".",
  { root = "." }: RootOption = {},
): { name: string; kind: EntryKind }[] {
  const entries: { name: string; kind: EntryKind }[] = [];
  const full = path === "." ? root : inspectPath("list", path, root).full;
  try {
    for (const entry of Deno.readDirSync(full)) {
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
  const inspected = inspectPath("remove", path, root);
  if (inspected.entry === undefined) return false;
  if (inspected.entry.isDirectory) throw new FileError("remove", path, "not-a-file");
  await remove(path, root, inspected);
  return true;
}

/** Removes a file, a pipe or a symbolic link itself, in a directory that is reached through none. */
export async function removeEntry(path: string, { root = "." }: RootOption = {}): Promise<void> {
  const at = path.lastIndexOf("/");
  const { entry } = inspectPath("remove", path.slice(0, at), root);
  if (!entry?.isDirectory) throw new FileError("remove", path, "not-a-directory");
  const above = inspectPath("remove", `${path.slice(0, at)}/x`, root);
  await remove(path, root, { ...above, full: `${root}/${path}` });
}

/** Removes a directory and all that is in it, symbolic links as links; false where there was none. */
export async function removeTree(path: string, { root = "." }: RootOption = {}): Promise<boolean> {
  const inspected = inspectPath("remove", path, root);
  if (inspected.entry === undefined) return false;
  if (!inspected.entry.isDirectory) throw new FileError("remove", path, "not-a-directory");
  await remove(path, root, inspected, true);
  return true;
}

/** Makes a directory that only its maker may look into. One that is there already is an error, whatever it is. */
export function makeFreshDirectory(path: string, { root = "." }: RootOption = {}): void {
  inspectPath("write", path.slice(0, path.lastIndexOf("/")), root);
  try {
    Deno.mkdirSync(`${root}/${path}`, { mode: 0o700 });
  } catch (error) {
    throw toFileError("write", path, error);
  }
}

/** Gives an entry another name within `root`, whatever it is; false where there was none. */
export function moveEntry(from: string, to: string, { root = "." }: RootOption = {}): boolean {
  for (const path of [from, to]) inspectPath("write", path.slice(0, path.lastIndexOf("/")), root);
  try {
    Deno.renameSync(`${root}/${from}`, `${root}/${to}`);
    return true;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return false;
    throw toFileError("write", from, error);
  }
}

async function remove(
  path: string,
  root: string,
  inspected: InspectedPath,
  recursive = false,
): Promise<void> {
  const hands = await OwnerHands.for("remove", path, root, inspected);
  if (hands !== undefined) return await hands.remove(recursive);
  try {
    await Deno.remove(inspected.full, { recursive });
  } catch (error) {
    throw toFileError("remove", path, error);
  }
}

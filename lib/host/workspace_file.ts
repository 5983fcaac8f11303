import { errorCode, FileError, toFileError } from "./file_error.ts";
import {
  type EntryKind,
  entryKind,
  inspectPath,
  lstat,
  openInside,
  type RootOption,
} from "./workspace_path.ts";

/**
 * Returns a file's text, including a byte order mark. Throws `FileError` for bytes that are not
 * UTF-8, because writing the text back would lose them, and for a directory, a device and a pipe
 * (reading a pipe would wait).
 */
export function readTextFile(path: string, options: RootOption = {}): string {
  const bytes = readFileBytes(path, options);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new FileError("read", path, "not-text", cause);
  }
}

/** No useful text is larger, and a file from elsewhere can have any size. */
const MAX_BYTES = 64 * 1024 * 1024;

/**
 * Returns a file's bytes, whatever they are. Throws `FileError` for a directory, a device, a pipe
 * and a file that is too large.
 */
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

/** Reads `size` bytes, or fewer if the file has become shorter meanwhile. */
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

/** Size in bytes of the pieces in which a large file is read. */
export const PIECE_BYTES = 4 * 1024 * 1024;

/** Like `readFileBytes`, but for a file of any size. The whole file is never in memory. */
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

/** Like `readTextFile`, but returns undefined if there is no such file. */
export function readTextFileIfAny(path: string, options: RootOption = {}): string | undefined {
  try {
    return readTextFile(path, options);
  } catch (error) {
    if (error instanceof FileError && error.reason === "missing") return undefined;
    throw error;
  }
}

/**
 * Returns the kind of the entry at a path; undefined if there is none. A symbolic link is reported
 * as a link.
 */
export function fileKind(
  path: string,
  { root = "." }: RootOption = {},
): EntryKind | undefined {
  const info = lstat("read", `${root}/${path}`, path);
  return info && entryKind(info);
}

/**
 * Returns the kind of the entry at a path and its permission bits; undefined if there is none.
 * Throws `FileError` if the path contains a symbolic link.
 */
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

interface WorkspaceEntry {
  readonly kind: EntryKind;
  /** Permission bits. */
  readonly mode: number;
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly modified: number;
  readonly uid: number;
}

/** Returns a file's bytes as a stream, for a file that may not fit into memory. */
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

/**
 * Returns the names in a directory, sorted; empty if there is no such directory. Refuses a path
 * that contains a symbolic link.
 */
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
  // Sorted by code unit: the order must not depend on the host's locale.
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * Returns every regular file below a directory, sorted, as paths relative to it (`a/b.yml`).
 * Symbolic links are neither followed nor listed.
 */
export function listFiles(path: string, options: RootOption = {}): string[] {
  const files: string[] = [];
  for (const { name, kind } of listDirectory(path, options)) {
    if (kind === "file") files.push(name);
    if (kind !== "directory") continue;
    for (const below of listFiles(`${path}/${name}`, options)) files.push(`${name}/${below}`);
  }
  return files;
}

import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { Buffer } from "node:buffer";
import { toFileError } from "./file_error.ts";

/** What a file has to be, to be read. */
export interface Expected {
  readonly uid: number;
  readonly maxBytes: number;
}

/**
 * The text of a file that somebody else may put another in the place of at any moment: opened once, without following a
 * link and without waiting for the other end of a pipe, and judged by what was opened. undefined where it is gone, is no
 * regular file of that owner's, has a second name, is larger, or is no UTF-8.
 */
export function readOnce(path: string, { uid, maxBytes }: Expected): string | undefined {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const code = (error as { code?: string }).code ?? "";
    // Gone; a link; a socket or a device without a driver.
    if (["ENOENT", "ELOOP", "ENXIO", "ENODEV"].includes(code)) return undefined;
    throw toFileError("read", path, error);
  }
  try {
    const entry = fstatSync(file);
    if (!entry.isFile() || entry.uid !== uid || entry.nlink !== 1 || entry.size > maxBytes) {
      return undefined;
    }
    // One more than it may have: it may have grown.
    const bytes = Buffer.alloc(entry.size + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length < bytes.length; length += read) {
      read = readSync(file, bytes, length, bytes.length - length, null);
    }
    if (length > entry.size) return undefined;
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
      .decode(bytes.subarray(0, length));
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw toFileError("read", path, error);
  } finally {
    closeSync(file);
  }
}

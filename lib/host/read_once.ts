import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { Buffer } from "node:buffer";
import { toFileError } from "./file_error.ts";

/** Conditions that a file must meet to be read. */
interface Expected {
  readonly uid: number;
  readonly maxBytes: number;
}

/**
 * Returns the text of a file that another user may replace at any moment. The file is opened once,
 * without following a link and without waiting for the other end of a pipe. The checks use the
 * opened file. Returns undefined if the file is gone, is not a regular file of the expected owner,
 * has a second hard link, is too large, or is not UTF-8.
 */
export function readOnce(path: string, { uid, maxBytes }: Expected): string | undefined {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const code = (error as { code?: string }).code ?? "";
    // The file is gone, a link, a socket, or a device without a driver.
    if (["ENOENT", "ELOOP", "ENXIO", "ENODEV"].includes(code)) return undefined;
    throw toFileError("read", path, error);
  }
  try {
    const entry = fstatSync(file);
    if (!entry.isFile() || entry.uid !== uid || entry.nlink !== 1 || entry.size > maxBytes) {
      return undefined;
    }
    // One byte more than expected, to notice that the file has grown.
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

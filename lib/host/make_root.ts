import { errorCode, toFileError } from "./file_error.ts";

/**
 * Makes one of the host's own directories that the file functions take as `root`, `/etc/anklume`; its parent must be there.
 * Readable for all, writable for its owner.
 */
export async function makeRoot(path: string): Promise<void> {
  try {
    await Deno.mkdir(path, { mode: 0o755 });
  } catch (error) {
    if (errorCode(error) !== "EEXIST") throw toFileError("write", path, error);
  }
}

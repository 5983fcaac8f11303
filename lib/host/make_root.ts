import { errorCode, toFileError } from "./file_error.ts";

/**
 * Creates one of the host's own directories that the file functions take as `root`, such as
 * `/etc/anklume`. Its parent must exist. Everyone can read it; only the owner can write.
 */
export async function makeRoot(path: string): Promise<void> {
  try {
    await Deno.mkdir(path, { mode: 0o755 });
  } catch (error) {
    if (errorCode(error) !== "EEXIST") throw toFileError("write", path, error);
  }
}

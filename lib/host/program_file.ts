import { toFileError } from "./file_error.ts";

/**
 * Writes one of anklume's own programs to a file that only its owner can run, calls `use` and
 * removes the file. `root` must be a directory in which nobody else can write. Otherwise the file
 * could be replaced before it is run.
 */
export async function withProgramFile<T>(
  content: Uint8Array,
  { root, name }: { readonly root: string; readonly name: string },
  use: (path: string) => Promise<T>,
): Promise<T> {
  const path = `${root}/${name}`;
  try {
    // `createNew`: a file or link that somebody prepared there causes an error and is not followed.
    await Deno.writeFile(path, content, { createNew: true, mode: 0o700 });
  } catch (error) {
    throw toFileError("write", path, error);
  }
  try {
    return await use(path);
  } finally {
    // The program may have removed its own file.
    await Deno.remove(path).catch(() => {});
  }
}

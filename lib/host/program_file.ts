import { toFileError } from "./file_error.ts";

/**
 * Lays a program of ours down as a file that only its owner may run, for as long as `use` takes. `root` must be a
 * directory that nobody else can write, or the file could be exchanged before it is run.
 */
export async function withProgramFile<T>(
  content: Uint8Array,
  { root, name }: { readonly root: string; readonly name: string },
  use: (path: string) => Promise<T>,
): Promise<T> {
  const path = `${root}/${name}`;
  try {
    // createNew: what somebody laid in wait there is an error, not followed.
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

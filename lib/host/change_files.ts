import { errorCode, FileError, toFileError } from "./file_error.ts";
import { OwnerHands } from "./owner_hands.ts";
import { type InspectedPath, inspectPath, type RootOption } from "./workspace_path.ts";

/** Removes a file. Returns false if there was none. */
export async function removeFile(path: string, { root = "." }: RootOption = {}): Promise<boolean> {
  const inspected = inspectPath("remove", path, root);
  if (inspected.entry === undefined) return false;
  if (inspected.entry.isDirectory) throw new FileError("remove", path, "not-a-file");
  await remove(path, root, inspected);
  return true;
}

/**
 * Removes a file, a pipe or a symbolic link itself. The path to its directory must contain no
 * symbolic link.
 */
export async function removeEntry(path: string, { root = "." }: RootOption = {}): Promise<void> {
  const at = path.lastIndexOf("/");
  const { entry } = inspectPath("remove", path.slice(0, at), root);
  if (!entry?.isDirectory) throw new FileError("remove", path, "not-a-directory");
  const above = inspectPath("remove", `${path.slice(0, at)}/x`, root);
  await remove(path, root, { ...above, full: `${root}/${path}` });
}

/**
 * Removes a directory with its content. Symbolic links in it are not followed. Returns false if
 * there was none.
 */
export async function removeTree(path: string, { root = "." }: RootOption = {}): Promise<boolean> {
  const inspected = inspectPath("remove", path, root);
  if (inspected.entry === undefined) return false;
  if (!inspected.entry.isDirectory) throw new FileError("remove", path, "not-a-directory");
  await remove(path, root, inspected, true);
  return true;
}

/**
 * Creates a directory that only its creator can read. Throws if the path exists already, whatever
 * it is.
 */
export function makeFreshDirectory(path: string, { root = "." }: RootOption = {}): void {
  inspectPath("write", path.slice(0, path.lastIndexOf("/")), root);
  try {
    Deno.mkdirSync(`${root}/${path}`, { mode: 0o700 });
  } catch (error) {
    throw toFileError("write", path, error);
  }
}

/** Renames an entry of any kind within `root`. Returns false if there was none. */
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

import { errorCode, FileError, toFileError } from "./file_error.ts";
import { inspectPath, lstat, type RootOption } from "./workspace_path.ts";

export interface WriteOptions extends RootOption {
  /** Permission bits of a file that is new; one that exists keeps its own. Never world-writable. Default 0o664 less the umask. */
  readonly mode?: number;
  /** A new file stays its maker's, who need not be the owner of `root`. */
  readonly keepOwner?: true;
}

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Writes a whole file or nothing: beside it, flushed to the disk, then renamed over it. Missing directories are made. A file
 * that exists keeps its owner, group and mode; a new one written by root goes to the owner of `root`, so that under
 * sudo the workspace stays its user's. Refuses a symbolic link anywhere in `path`. Nothing is left behind by a failure.
 *
 * Needs no more than a read and a write grant for `root`: Deno's chown and chmod are content with these.
 */
export async function writeFileAtomic(
  path: string,
  content: string | AsyncIterable<Uint8Array<ArrayBuffer>>,
  { root = ".", mode, keepOwner }: WriteOptions = {},
): Promise<void> {
  const { full, parent, entry } = await inspectPath("write", path, root);
  if (entry && !entry.isFile) throw new FileError("write", path, "not-a-file");
  await makeDirectory(path, root);

  const aside = `${parent}/.${crypto.randomUUID()}.tmp`;
  try {
    // createNew: what somebody else laid in wait under that name is an error, not followed.
    using file = await Deno.open(aside, {
      write: true,
      createNew: true,
      mode: entry ? 0o600 : (mode ?? 0o664) & 0o775,
    });
    for await (const bytes of typeof content === "string" ? [encode(content)] : content) {
      for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
    }
    const created = ownerOf(await file.stat());
    const owner = entry ? ownerOf(entry) : keepOwner ? created : await newOwner(created, root);
    await giveTo(owner, created, aside, path);
    // After chown, which takes the set-id bits away.
    if (entry) await Deno.chmod(aside, (entry.mode ?? 0o644) & 0o7775);
    await file.sync();
    await Deno.rename(aside, full);
  } catch (error) {
    await removeQuietly(aside);
    throw toFileError("write", path, error);
  }
  await syncDirectory(parent);
}

function encode(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

/** Makes the directories that lead to `path`, one by one, so that each gets its owner. */
export async function makeDirectory(path: string, root = "."): Promise<void> {
  const names = path.split("/").slice(0, -1);
  let at = root;
  for (const name of names) {
    at = `${at}/${name}`;
    if (await lstat("write", at, path)) continue;
    try {
      await Deno.mkdir(at, { mode: 0o775 });
      const created = ownerOf(await Deno.lstat(at));
      await giveTo(await newOwner(created, root), created, at, path);
    } catch (error) {
      // Another write of this process may have made it meanwhile.
      if (errorCode(error) === "EEXIST") continue;
      throw toFileError("write", path, error);
    }
  }
}

/** Makes a directory that only root may look into; one that exists becomes so. */
export async function makePrivateDirectory(path: string, root = "."): Promise<void> {
  await makeDirectory(path, root);
  const { full, entry } = await inspectPath("write", path, root);
  try {
    if (entry === undefined) await Deno.mkdir(full, { mode: 0o700 });
    else if (!entry.isDirectory) throw new FileError("write", path, "not-a-directory");
    await Deno.chown(full, 0, 0);
    await Deno.chmod(full, 0o700);
  } catch (error) {
    throw toFileError("write", path, error);
  }
}

/** Whom something that root just created should belong to. A group that came from a set-group-id directory stays. */
export async function newOwner(created: Owner, root: string): Promise<Owner> {
  if (created.uid !== 0) return created;
  const owner = ownerOf(await Deno.stat(root));
  return { uid: owner.uid, gid: created.gid === 0 ? owner.gid : created.gid };
}

export async function giveTo(
  owner: Owner,
  created: Owner,
  full: string,
  path: string,
): Promise<void> {
  if (owner.uid === created.uid && owner.gid === created.gid) return;
  try {
    await Deno.chown(full, owner.uid, owner.gid);
  } catch (error) {
    if (errorCode(error) === "EPERM") throw new FileError("write", path, "owner", error);
    throw error;
  }
}

export function ownerOf(info: Deno.FileInfo): Owner {
  return { uid: info.uid ?? 0, gid: info.gid ?? 0 };
}

async function removeQuietly(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch {
    // It was never made, or the disk that failed the write fails this too: the write's error is the one to tell.
  }
}

/** The rename is on the disk only when the directory is. */
async function syncDirectory(path: string): Promise<void> {
  try {
    using directory = await Deno.open(path);
    await directory.sync();
  } catch {
    // Some file systems cannot flush a directory (EINVAL); the file itself is whole either way.
  }
}

import { errorCode, FileError, toFileError } from "./file_error.ts";
import { OwnerHands } from "./owner_hands.ts";
import { inspectPath, lstat, type RootOption } from "./workspace_path.ts";
import { optional } from "../diag/optional.ts";

export interface FileWriteOptions extends RootOption {
  /** Permission bits of a file that is new; one that exists keeps its own. Never world-writable. Default 0o664 less the umask. */
  readonly mode?: number;
  /** A new file stays its maker's, who need not be the owner of `root`. */
  readonly keepOwner?: true;
  /** Written without the workspace's lock: the next sync may not take what is being written for left behind. */
  readonly unlocked?: true;
  /** Remembers the file's directory for `flushDirectories` instead of flushing it: for who writes many files. */
  readonly unflushed?: Set<string>;
}

interface FileOwner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Writes a whole file or nothing: beside it, flushed to the disk, then renamed over it. Missing directories are made. A file
 * that exists keeps its owner, group and mode; a new one written by root goes to the owner of `root`, so that under
 * sudo the workspace stays its user's: there it is written with that user's rights (`OwnerHands`), and one that belonged to somebody else
 * becomes theirs, or is refused where they may not read it. Refuses a symbolic link anywhere in `path`. Nothing is left behind by a failure.
 *
 * Needs no more than a read and a write grant for `root`: Deno's chown and chmod are content with these.
 */
export async function writeFileAtomic(
  path: string,
  content: string | AsyncIterable<Uint8Array<ArrayBuffer>>,
  { root = ".", mode, keepOwner, unlocked, unflushed }: FileWriteOptions = {},
): Promise<void> {
  const inspected = inspectPath("write", path, root);
  const { full, parent, entry } = inspected;
  if (entry && !entry.isFile) throw new FileError("write", path, "not-a-file");
  const suffix = unlocked ? "part" : "tmp";
  const hands = await OwnerHands.for("write", path, root, inspected);
  if (hands !== undefined) {
    const bits = entry ? (entry.mode ?? 0o644) & 0o7775 : (mode ?? 0o664) & 0o775;
    const keeper = entry ?? (keepOwner ? { uid: 0, gid: 0 } : undefined);
    return await hands.write(bits, entry === undefined, content, {
      suffix,
      ...optional({ keeper }),
    });
  }
  makeDirectories(path, root);

  const aside = `${parent}/.${crypto.randomUUID()}.${suffix}`;
  try {
    // createNew: what somebody else laid in wait under that name is an error, not followed.
    using file = Deno.openSync(aside, {
      write: true,
      createNew: true,
      mode: entry ? 0o600 : (mode ?? 0o664) & 0o775,
    });
    for await (const bytes of typeof content === "string" ? [encode(content)] : content) {
      for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
    }
    const created = fileOwnerOf(file.statSync());
    const owner = entry ? fileOwnerOf(entry) : keepOwner ? created : newOwner(created, root);
    giveTo(owner, created, aside, path);
    // After chown, which takes the set-id bits away.
    if (entry) Deno.chmodSync(aside, (entry.mode ?? 0o644) & 0o7775);
    await file.sync();
    Deno.renameSync(aside, full);
  } catch (error) {
    await removeQuietly(aside);
    throw toFileError("write", path, error);
  }
  unflushed?.add(parent);
  if (unflushed === undefined) await flushDirectories([parent]);
}

/** Whether a file is what `writeFileAtomic` was writing, under the workspace's lock, when it was killed. */
export function isLeftAside(path: string): boolean {
  return /(?:^|\/)\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.tmp$/.test(path);
}

function encode(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

/** Makes the directories that lead to `path`. */
export async function makeDirectory(path: string, root = "."): Promise<void> {
  const hands = await OwnerHands.for("write", path, root, inspectPath("write", path, root));
  if (hands === undefined) makeDirectories(path, root);
  else await hands.makeDirectory();
}

/** One by one, so that each gets its owner. */
function makeDirectories(path: string, root: string): void {
  const names = path.split("/").slice(0, -1);
  let at = root;
  for (const name of names) {
    at = `${at}/${name}`;
    if (lstat("write", at, path)) continue;
    try {
      Deno.mkdirSync(at, { mode: 0o775 });
      const created = fileOwnerOf(Deno.lstatSync(at));
      giveTo(newOwner(created, root), created, at, path);
    } catch (error) {
      // Somebody else may have made it meanwhile.
      if (errorCode(error) === "EEXIST") continue;
      throw toFileError("write", path, error);
    }
  }
}

/** Makes a directory that only root may look into; one that is there and is not so is refused, since what is in it is somebody's. */
export async function makePrivateDirectory(path: string, root = "."): Promise<void> {
  await makeDirectory(path, root);
  const { full, entry } = inspectPath("write", path, root);
  try {
    // Nothing is changed by a path that may lead elsewhere by now.
    if (entry === undefined) return Deno.mkdirSync(full, { mode: 0o700 });
    if (!entry.isDirectory) throw new FileError("write", path, "not-a-directory");
    if (entry.uid !== 0 || ((entry.mode ?? 0) & 0o077) !== 0) {
      throw new FileError("write", path, "not-private");
    }
  } catch (error) {
    throw toFileError("write", path, error);
  }
}

/** Whom something that root just created should belong to. A group that came from a set-group-id directory stays. */
export function newOwner(created: FileOwner, root: string): FileOwner {
  if (created.uid !== 0) return created;
  const owner = fileOwnerOf(Deno.statSync(root));
  return { uid: owner.uid, gid: created.gid === 0 ? owner.gid : created.gid };
}

export function giveTo(owner: FileOwner, created: FileOwner, full: string, path: string): void {
  if (owner.uid === created.uid && owner.gid === created.gid) return;
  try {
    Deno.chownSync(full, owner.uid, owner.gid);
  } catch (error) {
    if (errorCode(error) === "EPERM") throw new FileError("write", path, "owner", error);
    throw error;
  }
}

export function fileOwnerOf(info: Deno.FileInfo): FileOwner {
  return { uid: info.uid ?? 0, gid: info.gid ?? 0 };
}

async function removeQuietly(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch {
    // It was never made, or the disk that failed the write fails this too: the write's error is the one to tell.
  }
}

/** A rename is on the disk only when its directory is. */
export async function flushDirectories(paths: Iterable<string>): Promise<void> {
  for (const path of paths) {
    try {
      using directory = Deno.openSync(path);
      await directory.sync();
    } catch {
      // Some file systems cannot flush a directory (EINVAL); the file itself is whole either way.
    }
  }
}

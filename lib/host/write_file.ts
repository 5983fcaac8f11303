import { errorCode, FileError, toFileError } from "./file_error.ts";
import { OwnerHands } from "./owner_hands.ts";
import { inspectPath, lstat, type RootOption } from "./workspace_path.ts";
import { optional } from "../diag/optional.ts";

interface FileWriteOptions extends RootOption {
  /**
   * Permission bits of a new file; an existing file keeps its own. Never world-writable. Default
   * 0o664 minus the umask.
   */
  readonly mode?: number;
  /**
   * A new file keeps the user who created it as its owner, even if `root` belongs to another user.
   */
  readonly keepOwner?: true;
  /**
   * The file is written without the workspace's lock. Its temporary file gets another suffix, so
   * that the next sync does not remove it as a leftover.
   */
  readonly unlocked?: true;
  /**
   * Adds the file's directory to this set for `flushDirectories` instead of flushing it. For
   * callers that write many files.
   */
  readonly unflushed?: Set<string>;
}

interface FileOwner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Writes a whole file or nothing: to a temporary file beside it, flushed to the disk, then renamed.
 * Missing directories are created. An existing file keeps its owner, group and mode. A new file
 * written by root gets the owner of `root`, so that the workspace still belongs to its user after a
 * run with sudo. In such a workspace the file is written with that user's rights (`OwnerHands`): a
 * file of another user then becomes theirs, or the write is refused if they may not read it.
 * Refuses a symbolic link anywhere in `path`. A failure leaves nothing behind.
 *
 * Needs only a read and a write grant for `root`: these are enough for Deno's chown and chmod.
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
    // `createNew`: a file or link that somebody prepared under that name causes an error and is not
    // followed.
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
    // After chown, because chown removes the set-id bits.
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

/**
 * True if the file is a leftover of `writeFileAtomic` that was killed while it wrote under the
 * workspace's lock.
 */
export function isLeftAside(path: string): boolean {
  return /(?:^|\/)\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.tmp$/.test(path);
}

function encode(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

/** Creates the directories that lead to `path`. */
export async function makeDirectory(path: string, root = "."): Promise<void> {
  const hands = await OwnerHands.for("write", path, root, inspectPath("write", path, root));
  if (hands === undefined) makeDirectories(path, root);
  else await hands.makeDirectory();
}

/** Creates them one by one, so that each gets its owner. */
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
      // Another process may have created it meanwhile.
      if (errorCode(error) === "EEXIST") continue;
      throw toFileError("write", path, error);
    }
  }
}

/**
 * Creates a directory that only root can read. An existing directory with another owner or more
 * rights is refused, since somebody else may have put its content there.
 */
export async function makePrivateDirectory(path: string, root = "."): Promise<void> {
  await makeDirectory(path, root);
  const { full, entry } = inspectPath("write", path, root);
  try {
    // The path may lead elsewhere by now, so nothing existing is changed through it.
    if (entry === undefined) return Deno.mkdirSync(full, { mode: 0o700 });
    if (!entry.isDirectory) throw new FileError("write", path, "not-a-directory");
    if (entry.uid !== 0 || ((entry.mode ?? 0) & 0o077) !== 0) {
      throw new FileError("write", path, "not-private");
    }
  } catch (error) {
    throw toFileError("write", path, error);
  }
}

/**
 * Returns the owner for an entry that root just created. A group that came from a set-group-id
 * directory stays.
 */
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
    // The file was never created, or the disk that failed the write fails this too. The write's
    // error is the one to report.
  }
}

/** Flushes directories. A rename is on the disk only after its directory was flushed. */
export async function flushDirectories(paths: Iterable<string>): Promise<void> {
  for (const path of paths) {
    try {
      using directory = Deno.openSync(path);
      await directory.sync();
    } catch {
      // Some file systems cannot flush a directory (EINVAL). The file itself is complete in both
      // cases.
    }
  }
}

import { ExpectedError } from "../diag/expected_error.ts";
import { errorCode, toFileError } from "./file_error.ts";
import { isProgramOfOurs, type LockHolder, readLockHolders } from "./lock_holders.ts";
import { OwnerHands } from "./owner_hands.ts";
import { fileKind } from "./workspace_file.ts";
import { removeFile } from "./change_files.ts";
import { inspectPath, openInside, type RootOption } from "./workspace_path.ts";
import { fileOwnerOf, giveTo, makeDirectory, newOwner } from "./write_file.ts";
import { type Clock, systemClock } from "./clock.ts";

const LOCK_PATH = ".anklume/lock";
/** Long enough for an idle host's threads to answer, short enough for a person. */
const WAIT_MS = 250;
/** Milliseconds that a busy host's threads may take if the kernel names no holder. */
const PATIENCE_MS = 3_000;

/**
 * Another process holds the workspace's lock. `pid` comes from the kernel; undefined if it is
 * unknown. `since`: ISO 8601.
 */
export class LockedError extends ExpectedError {
  override readonly name = "LockedError";
  readonly pid: number | undefined;
  readonly since: string | undefined;

  constructor(holder: NamedHolder = {}, now: number = systemClock()) {
    super(lockedSentence(holder, now));
    this.pid = holder.pid;
    this.since = holder.since;
  }
}

interface NamedHolder {
  readonly pid?: number | undefined;
  readonly since?: string | undefined;
  /** The name of the holder, if it is not anklume. */
  readonly program?: string | undefined;
}

function lockedSentence({ pid, since, program }: NamedHolder, now: number): string {
  if (program !== undefined) {
    return `Another program (${program}, process ${pid}) is working on this workspace: it holds ` +
      `${LOCK_PATH}; wait until it has finished, or end it`;
  }
  const who = pid === undefined ? "Another anklume" : `Another anklume (process ${pid})`;
  const seconds = since === undefined ? NaN : Math.round((now - Date.parse(since)) / 1000);
  const when = Number.isNaN(seconds) ? "" : ` for ${ageText(Math.max(seconds, 0))}`;
  return `${who} is working on this workspace${when}; wait until it has finished`;
}

/** `12 s`, `3 min`, `2 h` */
function ageText(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7200 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3600)} h`;
}

interface WorkspaceLock extends Disposable {
  release(): void;
}

/**
 * Locks the workspace for this process, with `flock` on `.anklume/lock`. The lock ends with its
 * process, so it cannot become stale. Anyone who can open the file can lock it, so only users who
 * can write in the workspace can open it. Throws `LockedError` if another process holds the lock,
 * `FileError` if the file cannot be created.
 *
 * Deno 2.6 has only the `flock` that waits. If it still waits after a quarter of a second and the
 * kernel names a holder, the lock is refused. A thread that only waits for a processor gets more
 * time. After a refusal the thread keeps waiting, and that keeps the event loop alive: a caller
 * that gets `LockedError` must end with `Deno.exit`.
 */
export async function lockWorkspace(
  { root = ".", clock = systemClock }: RootOption & { readonly clock?: Clock } = {},
): Promise<WorkspaceLock> {
  for (let tries = 1;; tries++) {
    const { file, ino } = await openLock(root);
    const holders = await lockOrHolders(file, ino);
    if (holders !== undefined) throw refusal(holders, file, clock());
    try {
      // Another process may have replaced the file between opening and locking. Then this lock
      // protects nothing.
      if (inspectPath("lock", LOCK_PATH, root).entry?.ino !== ino && tries < TRIES) {
        file.close();
        continue;
      }
      await file.truncate();
      const holder = { pid: Deno.pid, since: new Date(clock()).toISOString() };
      await file.write(new TextEncoder().encode(`${JSON.stringify(holder)}\n`));
    } catch (error) {
      file.close();
      throw toFileError("lock", LOCK_PATH, error);
    }
    let held = true;
    const release = (): void => {
      if (held) file.close();
      held = false;
    };
    return { release, [Symbol.dispose]: release };
  }
}

const TRIES = 5;

/**
 * Opens the lock file. Creates it if there is none, and replaces it if other users could open it:
 * older versions of anklume made it readable for all.
 */
async function openLock(root: string): Promise<{ file: Deno.FsFile; ino: number | null }> {
  const { entry, above: [workspace] } = inspectPath("lock", LOCK_PATH, root);
  const mode = 0o600 | ((workspace?.mode ?? 0) & 0o020 ? 0o060 : 0);
  if (entry !== undefined && ((entry.mode ?? 0) & 0o777 & ~mode) !== 0) {
    const holders = await readLockHolders(entry.ino);
    // A user who can write in the workspace may have a reason to hold the lock. Other users have
    // none.
    const mayWrite = [0, workspace?.uid];
    if (holders.every(({ uid }) => !mayWrite.includes(uid))) await removeFile(LOCK_PATH, { root });
  }
  await makeLock(mode, root);
  try {
    const { file, info } = openInside("lock", LOCK_PATH, root, { write: true });
    return { file, ino: info.ino };
  } catch (error) {
    throw toFileError("lock", LOCK_PATH, error);
  }
}

async function makeLock(mode: number, root: string): Promise<void> {
  const inspected = inspectPath("lock", LOCK_PATH, root);
  if (inspected.entry !== undefined) return;
  const hands = await OwnerHands.for("lock", LOCK_PATH, root, inspected);
  if (hands !== undefined) return await hands.touch(mode);
  await makeDirectory(LOCK_PATH, root);
  try {
    using file = Deno.openSync(inspected.full, { write: true, createNew: true, mode });
    const created = fileOwnerOf(file.statSync());
    giveTo(newOwner(created, root), created, inspected.full, LOCK_PATH);
  } catch (error) {
    // Another anklume may have created it meanwhile.
    if (errorCode(error) !== "EEXIST") throw toFileError("lock", LOCK_PATH, error);
  }
}

/**
 * Returns the error for a lock that is held. The kernel names the holder; the file only gives the
 * time since when, and only for that process.
 */
function refusal(
  holders: readonly LockHolder[],
  file: Deno.FsFile,
  now: number,
): LockedError {
  const ours = holders.find(isProgramOfOurs);
  const [other] = holders;
  if (ours === undefined) {
    return new LockedError(other === undefined ? {} : { pid: other.pid, program: other.name }, now);
  }
  return new LockedError({ pid: ours.pid, since: sinceOf(ours, readNote(file)) }, now);
}

function sinceOf({ pid }: LockHolder, note: unknown): string | undefined {
  if (typeof note !== "object" || note === null || !("pid" in note) || note.pid !== pid) {
    return undefined;
  }
  return "since" in note && typeof note.since === "string" ? note.since : undefined;
}

function readNote(file: Deno.FsFile): unknown {
  try {
    const bytes = new Uint8Array(1024);
    file.seekSync(0, Deno.SeekMode.Start);
    return JSON.parse(new TextDecoder().decode(bytes.subarray(0, file.readSync(bytes) ?? 0)));
  } catch {
    return undefined;
  }
}

/**
 * The lock of a verb that writes. In a workspace that was used before, the lock is taken before the
 * files and the host are read, so that the results of a run that just ended are seen. In a new
 * workspace it is taken after the files are known to be valid: nothing is written if they are not.
 */
export class WorkspaceHold implements Disposable {
  #lock: WorkspaceLock | undefined;

  static async begin(): Promise<WorkspaceHold> {
    const hold = new WorkspaceHold();
    if (fileKind(LOCK_PATH) !== undefined) await hold.take();
    return hold;
  }

  /** Takes the lock if it is not held yet. Call it when the files are known to be valid. */
  async take(): Promise<void> {
    this.#lock ??= await lockWorkspace();
  }

  [Symbol.dispose](): void {
    this.#lock?.release();
  }
}

/**
 * Locks the file. Returns undefined on success, otherwise the holders. The list is empty if the
 * kernel does not name them because they are in another pid namespace. A delay alone proves
 * nothing, since the locking thread may not have run yet.
 */
async function lockOrHolders(
  file: Deno.FsFile,
  ino: number | null,
): Promise<LockHolder[] | undefined> {
  let locked = false;
  const locking = file.lock(true).then(() => {
    locked = true;
  });
  let holders: LockHolder[] = [];
  const end = performance.now() + PATIENCE_MS;
  while (performance.now() < end) {
    await orLater(locking, WAIT_MS);
    if (locked) return undefined;
    holders = (await readLockHolders(ino)).filter(({ pid }) => pid !== Deno.pid);
    if (locked) return undefined;
    if (holders.length > 0) break;
  }
  // A lock that is granted after the refusal is released at once.
  locking.then(() => file.close());
  return holders;
}

async function orLater(promise: Promise<void>, ms: number): Promise<void> {
  let timer: number | undefined;
  const late = new Promise<void>((resolve) => timer = setTimeout(resolve, ms));
  await Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

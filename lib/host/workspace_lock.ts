import { ExpectedError } from "../diag/expected_error.ts";
import { errorCode, toFileError } from "./file_error.ts";
import { isProgramOfOurs, type LockHolder, readLockHolders } from "./lock_holders.ts";
import { OwnerHands } from "./owner_hands.ts";
import { fileKind, removeFile } from "./workspace_file.ts";
import { inspectPath, openInside, type RootOption } from "./workspace_path.ts";
import { fileOwnerOf, giveTo, makeDirectory, newOwner } from "./write_file.ts";
import { type Clock, systemClock } from "./clock.ts";

export const LOCK_PATH = ".anklume/lock";
/** Long enough for an idle machine's threads to answer, short enough for a person. */
const WAIT_MS = 250;
/** How long a busy machine's threads may take where the kernel names nobody who holds it. */
const PATIENCE_MS = 3_000;

/** Somebody else holds the workspace. `pid` is the kernel's word; undefined where it may not be told. `since`: ISO 8601. */
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
  /** Where it is not an anklume. */
  readonly program?: string | undefined;
}

function lockedSentence({ pid, since, program }: NamedHolder, now: number): string {
  if (program !== undefined) {
    return `Another program (${program}, process ${pid}) is working on this workspace: it holds ` +
      `${LOCK_PATH}; wait until it is done, or end it`;
  }
  const who = pid === undefined ? "Another anklume" : `Another anklume (process ${pid})`;
  const seconds = since === undefined ? NaN : Math.round((now - Date.parse(since)) / 1000);
  const when = Number.isNaN(seconds) ? "" : ` for ${ageText(Math.max(seconds, 0))}`;
  return `${who} is working on this workspace${when}; wait until it is done`;
}

/** `12 s`, `3 min`, `2 h` */
function ageText(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7200 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3600)} h`;
}

export interface WorkspaceLock extends Disposable {
  release(): void;
}

/**
 * Takes the workspace for this process, with `flock` on `.anklume/lock`: a lock that dies with its process, so a stale one
 * cannot exist. Whoever can open a file can hold its lock, so nobody can open this one but who may write in the workspace.
 * Throws `LockedError` when another process has it, `FileError` when the file cannot be made.
 *
 * Deno 2.6 knows only the `flock` that waits. One that is still waiting after a quarter second is refused if the kernel names
 * who has it; a thread that waits for a processor is waited for. The thread of a refused one is left waiting: that keeps the event loop
 * alive, so whoever gets a `LockedError` ends by `Deno.exit`.
 */
export async function lockWorkspace(
  { root = ".", clock = systemClock }: RootOption & { readonly clock?: Clock } = {},
): Promise<WorkspaceLock> {
  for (let tries = 1;; tries++) {
    const { file, ino } = await openLock(root);
    const holders = await lockOrHolders(file, ino);
    if (holders !== undefined) throw refusal(holders, file, clock());
    try {
      // Somebody may have made it anew between opening and locking: then this one is nobody's any more.
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

/** The lock file, which is made where there is none, and anew where others could open it: an older anklume's was readable for all. */
async function openLock(root: string): Promise<{ file: Deno.FsFile; ino: number | null }> {
  const { entry, above: [workspace] } = inspectPath("lock", LOCK_PATH, root);
  const mode = 0o600 | ((workspace?.mode ?? 0) & 0o020 ? 0o060 : 0);
  if (entry !== undefined && ((entry.mode ?? 0) & 0o777 & ~mode) !== 0) {
    const holders = await readLockHolders(entry.ino);
    // Whoever may write here may have a reason to hold it; a stranger has none.
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
    // Another anklume may have made it meanwhile.
    if (errorCode(error) !== "EEXIST") throw toFileError("lock", LOCK_PATH, error);
  }
}

/** Who has it, as the kernel tells; the file says only since when, and of that process alone. */
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
 * The lock of a verb that writes. A workspace that was worked on before is taken ahead of reading its files and the host: what another
 * run has just ended is read as it left it. Where nobody has worked yet it is taken once the files are known to be in order:
 * nothing is written where they are not.
 */
export class WorkspaceHold implements Disposable {
  #lock: WorkspaceLock | undefined;

  static async begin(): Promise<WorkspaceHold> {
    const hold = new WorkspaceHold();
    if (fileKind(LOCK_PATH) !== undefined) await hold.take();
    return hold;
  }

  /** For when the files are known to be in order. */
  async take(): Promise<void> {
    this.#lock ??= await lockWorkspace();
  }

  [Symbol.dispose](): void {
    this.#lock?.release();
  }
}

/**
 * Locks the file: undefined once it is ours, else who has it; nobody where the kernel does not name them: they are
 * of another pid namespace. Being late alone says nothing, since the thread that locks may not have run yet.
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
  // A lock that comes after all is nobody's.
  locking.then(() => file.close());
  return holders;
}

async function orLater(promise: Promise<void>, ms: number): Promise<void> {
  let timer: number | undefined;
  const late = new Promise<void>((resolve) => timer = setTimeout(resolve, ms));
  await Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

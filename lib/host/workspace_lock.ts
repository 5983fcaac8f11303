import { toFileError } from "./file_error.ts";
import { fileKind } from "./workspace_file.ts";
import { inspectPath, type RootOption } from "./workspace_path.ts";
import { giveTo, makeDirectory, newOwner, ownerOf } from "./write_file.ts";
import { type Clock, systemClock } from "./clock.ts";

export const LOCK_PATH = ".anklume/lock";
/** Long enough for an idle machine's threads to answer, short enough for a person. */
const WAIT_MS = 250;

/** Somebody else holds the workspace. `pid` and `since` (ISO 8601) are undefined where the holder had no time to write them. */
export class LockedError extends Error {
  override readonly name = "LockedError";
  readonly pid: number | undefined;
  readonly since: string | undefined;

  constructor(pid?: number, since?: string, now: number = systemClock()) {
    const who = pid === undefined ? "Another anklume" : `Another anklume (process ${pid})`;
    const seconds = since === undefined ? NaN : Math.round((now - Date.parse(since)) / 1000);
    const when = Number.isNaN(seconds) ? "" : ` for ${ageText(Math.max(seconds, 0))}`;
    super(`${who} is working on this workspace${when}; wait until it is done`);
    this.pid = pid;
    this.since = since;
  }
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
 * cannot exist. Throws `LockedError` when another process has it, `FileError` when the file cannot be made.
 *
 * Deno 2.6 knows only the `flock` that waits. One that is still waiting after a quarter second is refused, and its thread is
 * left waiting: that keeps the event loop alive, so whoever gets a `LockedError` ends by `Deno.exit`.
 */
export async function lockWorkspace(
  { root = ".", clock = systemClock }: RootOption & { readonly clock?: Clock } = {},
): Promise<WorkspaceLock> {
  const { full, entry } = inspectPath("lock", LOCK_PATH, root);
  makeDirectory(LOCK_PATH, root);
  let file: Deno.FsFile;
  try {
    file = await Deno.open(full, { read: true, write: true, create: true, mode: 0o664 });
    if (!entry) {
      const created = ownerOf(await file.stat());
      giveTo(newOwner(created, root), created, full, LOCK_PATH);
    }
  } catch (error) {
    throw toFileError("lock", LOCK_PATH, error);
  }
  if (!(await lockedInTime(file))) {
    const holder = await readHolder(full);
    throw new LockedError(holder.pid, holder.since, clock());
  }
  try {
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

async function lockedInTime(file: Deno.FsFile): Promise<boolean> {
  const locking = file.lock(true).then(() => true);
  let timer: number | undefined;
  const late = new Promise<false>((resolve) => timer = setTimeout(() => resolve(false), WAIT_MS));
  const locked = await Promise.race([locking, late]);
  clearTimeout(timer);
  // A lock that comes after all is nobody's.
  if (!locked) locking.then(() => file.close());
  return locked;
}

async function readHolder(full: string): Promise<{ pid?: number; since?: string }> {
  try {
    const holder: unknown = JSON.parse(await Deno.readTextFile(full));
    if (typeof holder !== "object" || holder === null) return {};
    return {
      ...("pid" in holder && typeof holder.pid === "number" ? { pid: holder.pid } : {}),
      ...("since" in holder && typeof holder.since === "string" ? { since: holder.since } : {}),
    };
  } catch {
    return {};
  }
}

import pLimit from "p-limit";
import { ExpectedError } from "../diag/expected_error.ts";
import { hasErrors } from "../diag/diagnostic.ts";
import { readTextFileIfAny } from "../host/workspace_file.ts";
import { removeFile } from "../host/change_files.ts";
import type { RootOption } from "../host/workspace_path.ts";
import { flushDirectories, writeFileAtomic } from "../host/write_file.ts";
import { isChange, type SyncPlan } from "./plan_sync.ts";

/** A file changed after sync read it and before sync wrote it. */
class SyncConflictError extends ExpectedError {
  override readonly name = "SyncConflictError";
}

/** Limit, since each file waits for the disk. */
const AT_ONCE = 16;

/**
 * Writes the files of the plan, each atomically, some in parallel. Copies of replaced text are
 * written first, readable only by their owner. So an interruption loses nothing, and the next sync
 * carries on.
 *
 * @throws Error if the plan has errors: they have to be shown, and nothing is written.
 */
export async function writeSync(plan: SyncPlan, options: RootOption = {}): Promise<void> {
  if (hasErrors(plan.diagnostics)) throw new Error("A sync with errors must not be written");
  const isCopy = (path: string) => path.startsWith(".anklume/replaced/");
  const changes = plan.entries.filter(isChange);
  const unflushed = new Set<string>();
  const write = async ({ path, before, after }: typeof changes[number]) => {
    if (!isCopy(path)) expectUnchanged(path, before, options);
    if (after === undefined) await removeFile(path, options);
    else {
      const copied = isCopy(path) ? { mode: 0o600 } : {};
      await writeFileAtomic(path, after, { ...options, ...copied, unflushed });
    }
  };
  // An original may be removed only when its copy is safely on disk.
  for (const copies of [true, false]) {
    try {
      await eachUntilFailure(changes.filter(({ path }) => isCopy(path) === copies), write);
    } finally {
      await flushDirectories(unflushed);
      unflushed.clear();
    }
  }
}

/**
 * Runs the work in parallel. After a failure nothing new is started; the running work is finished,
 * then the failure is thrown.
 */
async function eachUntilFailure<T>(
  items: readonly T[],
  work: (item: T) => Promise<void>,
): Promise<void> {
  const limit = pLimit(AT_ONCE);
  let failure: { readonly reason: unknown } | undefined;
  await Promise.all(items.map((item) =>
    limit(async () => {
      if (failure !== undefined) return;
      try {
        await work(item);
      } catch (reason) {
        failure ??= { reason };
      }
    })
  ));
  if (failure !== undefined) throw failure.reason;
}

function expectUnchanged(path: string, before: string | undefined, options: RootOption): void {
  if (readTextFileIfAny(path, options) !== before) {
    throw new SyncConflictError(
      `${path} changed while sync was running: it was not overwritten. Run sync again`,
    );
  }
}

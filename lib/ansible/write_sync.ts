import pLimit from "p-limit";
import { ExpectedError } from "../diag/expected_error.ts";
import { hasErrors } from "../diag/diagnostic.ts";
import { readTextFileIfAny, removeFile } from "../host/workspace_file.ts";
import type { RootOption } from "../host/workspace_path.ts";
import { flushDirectories, writeFileAtomic } from "../host/write_file.ts";
import { isChange, type SyncPlan } from "./plan_sync.ts";

/** A file changed between the moment sync read it and the moment it was to be written. */
export class SyncConflictError extends ExpectedError {
  override readonly name = "SyncConflictError";
}

/** Each file waits for the disk. */
const AT_ONCE = 16;

/**
 * Writes what the plan says, each file atomically, some side by side. Copies of what is replaced
 * come first, for their owner alone to read, so that an interruption loses nothing; the next sync carries on.
 *
 * @throws Error when the plan has errors: they are to be shown, nothing is to be written.
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
  // What a copy is of may only go when the copy is there to stay.
  for (const copies of [true, false]) {
    try {
      await eachUntilFailure(changes.filter(({ path }) => isCopy(path) === copies), write);
    } finally {
      await flushDirectories(unflushed);
      unflushed.clear();
    }
  }
}

/** Nothing more is begun after a failure; what was is ended before it is thrown. */
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
      `${path} changed while sync was at work: it was not overwritten. Run sync again`,
    );
  }
}

import { deleteSet } from "../../snapshot/delete_set.ts";
import type { Inventory } from "../../snapshot/inventory.ts";
import { BASELINE } from "../../snapshot/set_name.ts";
import type { SetMember, SnapshotSet } from "../../snapshot/snapshot_set.ts";
import { setOfNotes } from "../../snapshot/build_sets.ts";
import { contents, shortList } from "../../view/snapshot.ts";
import { failuresText } from "../../view/snapshot_progress.ts";
import { hang } from "../../view/text.ts";
import type { IncusClient } from "../../incus/incus_client.ts";
import { agree } from "../../session/confirm.ts";
import type { Everything } from "../../snapshot/read_everything.ts";
import { EXIT, type ExitStatus } from "../../session/exit_status.ts";
import { findSet } from "./find_set.ts";
import { isWholeScope, type ScopeOptions, selectScope } from "./scope.ts";
import type { EarlyRequests } from "../../live/early_requests.ts";
import type { Session } from "../../session/session.ts";
import { openSnapshots } from "../../live/open_snapshots.ts";
import { withProgress } from "./set_progress.ts";
import { UserError } from "../../session/user_error.ts";
import { withWorkspace } from "../../workspace/with_workspace.ts";

interface SnapshotDeleteOptions extends ScopeOptions {
  readonly json?: true;
  readonly yes?: true;
}

/** Deletes sets, or the parts of some machines. */
export async function snapshotDelete(
  names: readonly string[],
  options: SnapshotDeleteOptions,
  session: Session,
  start: EarlyRequests<Everything>,
): Promise<ExitStatus> {
  return await withWorkspace(session, { ...options, hold: await start.hold }, async (workspace) => {
    await using host = await openSnapshots(workspace, start, session, options);
    if (host === undefined) return EXIT.wrongInput;
    const { incus } = host;
    const settled = await host.afterInterruption();
    // Notes cover the sets that anklume took. Those of Incus or a user are found only by a look
    // into every machine.
    const wanted = [...new Set(names)];
    const allNoted = wanted.every((name) => setOfNotes(name, settled) !== undefined);
    const inventory = allNoted ? settled : await host.complete();
    // Each name means the same as if given alone: another's snapshot with a set's name stays,
    // whatever else is deleted.
    const sets = wanted.map((name) => setOfNotes(name, inventory) ?? findSet(name, inventory));
    const scope = new Set(
      selectScope(workspace.infra, inventory, options)
        .map(({ project, name }) => `${project}/${name}`),
    );
    const chosen = sets.map((set): Chosen => {
      checkNotNeeded(set, inventory);
      const members = isWholeScope(options)
        ? set.members
        : set.members.filter(({ project, machine }) => scope.has(`${project}/${machine}`));
      if (members.length === 0) throw new UserError(`${set.name} holds none of these machines`);
      return { set, members };
    });
    const { terminal } = session;
    for (const { set, members } of chosen) {
      const whole = members.length === set.members.length ? "" : ", a part of it";
      const machines = shortList(members.map(({ machine }) => machine));
      const what = `${set.name}${whole}: ${contents(members)} (${machines})`;
      terminal.out(`${hang("Delete ", what, session.out.width)}\n`);
    }
    // It asks first: a deleted set cannot be restored. The question says so if `reset` needs the
    // set.
    const baseline = chosen.some(({ set }) => set.name === BASELINE);
    const question = baseline ? "Delete it, although `anklume reset` uses it?" : "Delete?";
    const refused = await agree({ question, untouched: "Nothing was deleted." }, options, session);
    return refused ?? await deleteAndSay(incus, chosen, inventory, session);
  });
}

/** A set, and its members that are to be deleted. */
interface Chosen {
  readonly set: SnapshotSet;
  readonly members: readonly SetMember[];
  /** See `Deletion`. */
  readonly notesFirst?: true;
}

/** @throws UserError if an interrupted restore still needs the set */
function checkNotNeeded({ name }: SnapshotSet, { restores }: Inventory): void {
  if (!isNeeded(name, restores)) return;
  throw new UserError(
    `${name} is needed by a restore that was interrupted`,
    "`anklume snapshot list` shows the command that finishes it",
  );
}

/** True if an interrupted restore restores the set, or has kept the earlier state in it. */
export function isNeeded(name: string, restores: Inventory["restores"]): boolean {
  return [...restores.values()].some((note) =>
    Object.values(note).some(({ set, safety }) => set === name || safety === name)
  );
}

export async function deleteAndSay(
  incus: IncusClient,
  chosen: readonly Chosen[],
  { notes }: Inventory,
  session: Session,
): Promise<ExitStatus> {
  const { terminal, signal } = session;
  let status: ExitStatus = EXIT.done;
  for (const each of chosen) {
    const { set, members } = each;
    if (signal.aborted) return EXIT.interrupted;
    const result = await withProgress(
      { set: set.name, does: "delete", machines: members },
      session,
      (onEvent) => deleteSet(incus, { ...each, notes }, { signal, onEvent }),
    );
    const gone = members.filter(({ machine }) => result.done.includes(machine));
    terminal.out(`Deleted: ${set.name}, ${contents(gone)}.\n`);
    terminal.err(failuresText(result, session.err));
    if (result.failed.length > 0) status = EXIT.failed;
    if (result.skipped.length > 0) return EXIT.interrupted;
  }
  return status;
}

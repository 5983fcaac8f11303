import { systemClock } from "../../host/clock.ts";
import type { IncusClient } from "../../incus/incus_client.ts";
import type { VolumeSnapshot } from "../../incus/wire/snapshot.ts";
import { deleteSet } from "../../snapshot/delete_set.ts";
import { driverNotes } from "../../snapshot/driver_notes.ts";
import { isPoolFull } from "../../snapshot/each_machine.ts";
import type { Inventory } from "../../snapshot/inventory.ts";
import type { LiveMachine } from "../../snapshot/live_machine.ts";
import { NameTakenError } from "../../snapshot/note_store.ts";
import { setNameProblem, timeName } from "../../snapshot/set_name.ts";
import { setKey } from "../../snapshot/set_note.ts";
import type { WorkResult } from "../../snapshot/snapshot_event.ts";
import { isUnfinished, notesOf } from "../../snapshot/snapshot_set.ts";
import { setOfNotes } from "../../snapshot/build_sets.ts";
import { type SetRequest, takeSet } from "../../snapshot/take_set.ts";
import { contentsText, localTime } from "../../view/snapshot.ts";
import { failuresText } from "../../view/snapshot_progress.ts";
import { hang } from "../../view/text.ts";
import { duration } from "../../view/number_text.ts";
import { EXIT, type ExitStatus } from "../../session/exit_status.ts";
import type { Session } from "../../session/session.ts";
import { withProgress } from "./set_progress.ts";
import { UserError } from "../../session/user_error.ts";

/** @throws UserError for a name that no set can have */
export function checkSetName(name: string): void {
  const problem = setNameProblem(name);
  if (problem !== undefined) throw new UserError(`\`${name}\` cannot be used: ${problem}`);
}

/** Returns a name made from the time that no set has yet. */
export function freeTimeName(inventory: Inventory, at: Date, prefix = ""): string {
  const name = timeName(at, prefix);
  const taken = (each: string) => [...inventory.notes.values()].some((notes) => notes.has(each));
  for (let count = 1;; count++) {
    const candidate = count === 1 ? name : `${name}-${count}`;
    if (!taken(candidate)) return candidate;
  }
}

/**
 * Makes sure that a set of this name can be taken. It removes what an interrupted run left of such
 * a set, or Incus of an expired one: the workspace is locked, so nobody works on it. The inventory
 * must include the names of existing snapshots.
 * @returns false: the rest could not be removed, and that has been shown
 * @throws UserError if the set exists, or somebody took a snapshot of that name by hand
 */
export async function freeName(
  incus: IncusClient,
  inventory: Inventory,
  name: string,
  machines: readonly LiveMachine[],
  session: Session,
): Promise<boolean> {
  const notes = notesOf(name, inventory.notes).map(({ note }) => note);
  const [first] = notes;
  // Machines join a baseline one by one: most of it may be whole.
  if (isUnfinished(notes) && first?.kind !== "baseline") {
    return await removeRest(incus, inventory, name, "an interrupted run left of", session);
  }
  if (first?.expires !== undefined && Date.parse(first.expires) <= systemClock()) {
    return await removeRest(incus, inventory, name, "is left of the expired", session);
  }
  if (first !== undefined) {
    throw new UserError(
      `A set \`${name}\` exists already, taken ${localTime(new Date(first.at))}`,
      `Choose another name, or remove it: \`anklume snapshot delete ${name}\``,
    );
  }
  const disks = new Set(machines.map((machine) => `${machine.project}/${machine.name}`));
  const volumes = new Set(
    machines.flatMap((machine) =>
      machine.volumes.map(({ project, volume }) => `${project}/${volume}`)
    ),
  );
  const isTaken = (holders: Set<string>) => (each: VolumeSnapshot) =>
    each.name === name && holders.has(`${each.project}/${each.volume}`);
  const stranger = (inventory.rootSnapshots.find(isTaken(disks)) ??
    inventory.volumeSnapshots.find(isTaken(volumes)))?.volume;
  if (stranger === undefined) return true;
  // The notes were read first: another clone of the workspace may have begun a set since then.
  if ((await incus.projects.list()).some(({ config }) => setKey(name) in config)) {
    throw justBegun(name);
  }
  throw new UserError(
    `${stranger} already has a snapshot \`${name}\`, which anklume did not take`,
    "Choose another name",
  );
}

function justBegun(name: string): UserError {
  return new UserError(
    `Another run has just begun a set \`${name}\`; this one was not taken`,
    "Choose another name",
  );
}

/**
 * @param what describes the rest: `an interrupted run left of`
 * @returns false: it could not be removed, and the reason has been shown
 */
async function removeRest(
  incus: IncusClient,
  inventory: Inventory,
  name: string,
  what: string,
  session: Session,
): Promise<boolean> {
  const { terminal } = session;
  terminal.out(`Removing what ${what} ${name}.\n`);
  const set = setOfNotes(name, inventory);
  if (set === undefined) return true;
  const quiet = { signal: session.signal, onEvent: () => {} };
  const result = await deleteSet(incus, { set, notes: inventory.notes }, quiet);
  if (result.failed.length === 0) return true;
  terminal.err(failuresText(result, session.err));
  terminal.err(`${hang("anklume: ", `Cannot remove what ${what} ${name}.`, session.err.width)}\n`);
  return false;
}

/** Takes a set and reports it: `EXIT.done` only if all of it was taken. */
export async function takeAndSay(
  incus: IncusClient,
  request: SetRequest,
  pools: Inventory["pools"],
  session: Session,
): Promise<ExitStatus> {
  const { terminal, out, signal } = session;
  for (const note of driverNotes(request.machines, pools)) {
    terminal.out(`${out.colors.dim(hang("Note: ", note, out.width))}\n`);
  }
  const began = performance.now();
  const result = await withProgress(
    { set: request.name, does: "take", machines: request.machines },
    session,
    (onEvent) => takeSet(incus, request, { signal, onEvent }),
  ).catch((error) => {
    if (!(error instanceof NameTakenError)) throw error;
    throw justBegun(request.name);
  });
  if (result.outcome === "taken") {
    const still = result.frozenMs === 0
      ? ""
      : `; no machine was frozen for longer than ${(result.frozenMs / 1000).toFixed(2)} s`;
    const volumes = request.machines.flatMap((machine) => machine.volumes).length;
    const what = contentsText(request.machines.length, volumes);
    const text = `${request.name}, ${what}, in ${duration(performance.now() - began)}${still}.`;
    terminal.out(`${hang("Taken: ", text, out.width)}\n`);
    return EXIT.done;
  }
  terminal.err(failuresText(result, session.err));
  sayFull(result, session);
  const left = result.outcome === "undone"
    ? `Nothing of ${request.name} was kept.`
    : `${request.name} is incomplete, and could not be removed (${result.leftBecause}): ` +
      `\`anklume snapshot delete ${request.name}\` tries again.`;
  terminal.err(`${out.colors.red(hang("anklume: ", left, session.err.width))}\n`);
  return signal.aborted ? EXIT.interrupted : EXIT.failed;
}

/** Adds a message if the failure came from a full pool. */
export function sayFull({ failed }: WorkResult, { terminal }: Session): void {
  if (failed.some(({ message }) => isPoolFull(message))) {
    terminal.err("The storage pool is full: delete what is no longer needed, or enlarge it.\n");
  }
}

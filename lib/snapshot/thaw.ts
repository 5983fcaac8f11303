import type { IncusClient } from "../incus/incus_client.ts";
import type { ActualResource } from "../resource/resource.ts";
import { readSetNotes, type SetNote } from "./set_note.ts";
import { SetNoteWriter } from "./note_store.ts";
import { machineKey } from "./place.ts";
import type { Inventory } from "./inventory.ts";
import type { LiveMachine } from "./live_machine.ts";

/**
 * Returns machines that a killed `--consistent` left frozen. They were noted before the freeze, so
 * the next run can tell them from machines that the user froze.
 */
export function leftFrozen({ machines, notes }: Inventory): LiveMachine[] {
  const frozen = frozenBy([...notes.values()].flatMap((sets) => [...sets.values()]));
  return machines.filter(({ project, name, status }) =>
    status === "Frozen" && frozen.has(machineKey({ project, machine: name }))
  );
}

/**
 * Like `leftFrozen`, from the resources that a plan reads anyway. There is rarely one, and then
 * nothing more has to be read.
 */
export function anyLeftFrozen(resources: readonly ActualResource[]): boolean {
  const frozen = frozenBy(
    resources.flatMap(({ kind, config }) =>
      kind === "project" ? [...readSetNotes(config).values()] : []
    ),
  );
  return resources.some((resource) =>
    resource.kind === "instance" && resource.status === "Frozen" &&
    frozen.has(`${resource.addr.project}/${resource.addr.name}`)
  );
}

function frozenBy(notes: readonly SetNote[]): Set<string> {
  return new Set(notes.flatMap(({ frozen }) => frozen ?? []));
}

/**
 * Removes the list of frozen machines from the present note. If another clone of the workspace
 * takes the set, it is still at work, and the note may be `whole` by now.
 */
async function forgetFrozen(
  incus: IncusClient,
  home: string,
  set: string,
): Promise<SetNote | undefined> {
  const { value: { config } } = await incus.projects.get(home);
  const now = readSetNotes(config).get(set);
  if (now?.frozen === undefined) return now;
  const { frozen: _, ...note } = now;
  await new SetNoteWriter(incus, home, set).write(note);
  return note;
}

interface Thawed {
  readonly machines: readonly LiveMachine[];
  /** The inventory after the thaw. */
  readonly inventory: Inventory;
}

/**
 * Thaws the machines that were left frozen. Only while the workspace is locked: otherwise it would
 * thaw machines of a snapshot that is being taken.
 */
export async function thawLeft(incus: IncusClient, inventory: Inventory): Promise<Thawed> {
  const left = leftFrozen(inventory);
  await Promise.all(
    left.map(({ project, name }) =>
      incus.instances.setState(project, name, { action: "unfreeze" })
    ),
  );
  const notes = new Map(inventory.notes);
  for (const [project, ofProject] of inventory.notes) {
    for (const [name, { frozen }] of ofProject) {
      if (frozen === undefined) continue;
      // Machines that the user freezes later stay frozen.
      const note = await forgetFrozen(incus, project, name);
      if (note !== undefined) notes.set(project, new Map(notes.get(project)).set(name, note));
    }
  }
  const machines = inventory.machines.map((machine) =>
    left.includes(machine) ? { ...machine, status: "Running" } : machine
  );
  return { machines: left, inventory: { ...inventory, machines, notes } };
}

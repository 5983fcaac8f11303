import type { IncusClient } from "../incus/incus_client.ts";
import type { ActualResource } from "../resource/resource.ts";
import { readSetNotes, type SetNote } from "./set_note.ts";
import { SetNoteWriter } from "./note_store.ts";
import { machineKey } from "./place.ts";
import type { Inventory } from "./inventory.ts";
import type { LiveMachine } from "./live_machine.ts";

/** Machines that a killed `--consistent` left frozen: noted before they were, so that the next run knows them from the user's. */
export function leftFrozen({ machines, notes }: Inventory): LiveMachine[] {
  const frozen = frozenBy([...notes.values()].flatMap((sets) => [...sets.values()]));
  return machines.filter(({ project, name, status }) =>
    status === "Frozen" && frozen.has(machineKey({ project, machine: name }))
  );
}

/** As `leftFrozen`, from what a plan reads anyway: most of the time there is none, and nothing more to ask. */
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
 * In the note as it stands by now: where the set was taken from another clone of the workspace, nobody had died, and it may be
 * whole since it was read.
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

export interface Thawed {
  readonly machines: readonly LiveMachine[];
  /** The inventory as it is afterwards. */
  readonly inventory: Inventory;
}

/** Thaws them. Only while the workspace is locked: otherwise a taking that is under way would lose its stillness. */
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
      // Whoever freezes one of them by hand from now on means it.
      const note = await forgetFrozen(incus, project, name);
      if (note !== undefined) notes.set(project, new Map(notes.get(project)).set(name, note));
    }
  }
  const machines = inventory.machines.map((machine) =>
    left.includes(machine) ? { ...machine, status: "Running" } : machine
  );
  return { machines: left, inventory: { ...inventory, machines, notes } };
}

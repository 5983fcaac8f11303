import type { IncusClient } from "../incus/incus_client.ts";
import type { Instance } from "../incus/wire/instance.ts";
import { type Owner, ownership } from "../resource/mark.ts";
import { SetNoteWriter } from "./note_store.ts";
import { type NotedMachine, readSetNotes } from "./set_note.ts";

/**
 * Moves a project's notes to another home before the project is deleted. A set of several domains
 * outlives each of them, and a machine that moved to another domain took its snapshots along. A set
 * that has no machine in another project is deleted with its home.
 * @param leaving projects that are deleted too: they cannot be the new home
 */
export async function handOverNotes(
  incus: IncusClient,
  home: string,
  owner: Owner,
  leaving: ReadonlySet<string>,
): Promise<void> {
  const { value: { config } } = await incus.projects.get(home);
  const notes = readSetNotes(config);
  if (notes.size === 0) return;
  const staying = new Map(
    (await incus.projects.list()).filter(({ name, config }) =>
      name !== home && !leaving.has(name) && ownership(config, owner).kind === "ours"
    ).map(({ name, config }) => [name, readSetNotes(config)]),
  );
  if (staying.size === 0) return;
  const live = await incus.instances.list({ allProjects: true });
  for (const [set, note] of notes) {
    // An earlier attempt may have written it already.
    if ([...staying.values()].some((held) => held.has(set))) continue;
    const heir = live.find((instance) =>
      staying.has(instance.project) && note.machines.some((noted) => isSame(noted, instance))
    )?.project;
    if (heir !== undefined) await new SetNoteWriter(incus, heir, set).write(note);
  }
}

/** True if it is the noted machine by UUID, or a new machine in the same place. */
function isSame({ project, machine, uuid }: NotedMachine, instance: Instance): boolean {
  return (uuid !== undefined && instance.config["volatile.uuid"] === uuid) ||
    (instance.project === project && instance.name === machine);
}

import type { IncusClient } from "../incus/incus_client.ts";
import type { Instance } from "../incus/wire/instance.ts";
import { type Owner, ownership } from "../resource/mark.ts";
import { SetNoteWriter } from "./note_store.ts";
import { type NotedMachine, readSetNotes } from "./set_note.ts";

/**
 * Gives a project's notes another home before it is deleted: a set of several domains outlives each of them, and what moved to
 * another domain took its snapshots along. A set of which no machine stands elsewhere goes with its home.
 * @param leaving projects that go too: no home any more
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
    // An earlier try may have got that far.
    if ([...staying.values()].some((held) => held.has(set))) continue;
    const heir = live.find((instance) =>
      staying.has(instance.project) && note.machines.some((noted) => isSame(noted, instance))
    )?.project;
    if (heir !== undefined) await new SetNoteWriter(incus, heir, set).write(note);
  }
}

/** Known by its UUID wherever it stands; one that was made anew in its place counts, too. */
function isSame({ project, machine, uuid }: NotedMachine, instance: Instance): boolean {
  return (uuid !== undefined && instance.config["volatile.uuid"] === uuid) ||
    (instance.project === project && instance.name === machine);
}

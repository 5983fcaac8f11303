import { allSettled } from "../incus/all_settled.ts";
import { orMissing } from "../incus/collection.ts";
import type { IncusClient } from "../incus/incus_client.ts";
import { eachMachine } from "./each_machine.ts";
import type { Inventory } from "./inventory.ts";
import { SetNoteWriter } from "./note_store.ts";
import type { WorkOptions, WorkResult } from "./snapshot_event.ts";
import { memberKey, notedKey, notesOf, type SetMember, type SnapshotSet } from "./snapshot_set.ts";

export interface Deletion {
  readonly set: SnapshotSet;
  readonly notes: Inventory["notes"];
  /** Those that go; absent: all of it. */
  readonly members?: readonly SetMember[];
  /** Notes first that it is to go, so that the next `prune` carries on: nobody may remember which sets this one chose. */
  readonly notesFirst?: true;
}

/**
 * Deletes members of a set. The note goes last: an interrupted deletion leaves a set that is marked incomplete, and can be repeated.
 */
export async function deleteSet(
  incus: IncusClient,
  { set, notes, members = set.members, notesFirst }: Deletion,
  options: WorkOptions,
): Promise<WorkResult> {
  const homes = notesOf(set.name, notes).map(({ project, note }) => ({
    note,
    writer: new SetNoteWriter(incus, project, set.name),
  }));
  if (notesFirst) {
    await allSettled(homes.map(({ note, writer }) => writer.write({ ...note, state: "deleting" })));
  }
  for (const { writer } of homes) writer.prepare();
  const work = members.map((member) => ({ ...member, name: member.machine }));
  const result = await eachMachine(work, options, async (member, say) => {
    say("deleting its snapshot");
    await deleteMember(incus, member);
  });
  const left = new Set([...result.skipped, ...result.failed.map(({ machine }) => machine)]);
  // What is left of a set that was to go is not to pass for a whole one: the note names all of it, and so what is missing.
  if (left.size > 0 && members.length === set.members.length) return result;
  const deleted = new Set(
    members.filter(({ machine }) => !left.has(machine)).map(memberKey),
  );
  await allSettled(homes.map(async ({ note, writer }) => {
    const machines = note.machines.filter((noted) => !deleted.has(notedKey(noted)));
    if (machines.length === note.machines.length) return;
    await writer.write(machines.length === 0 ? undefined : { ...note, machines });
  }));
  return result;
}

async function deleteMember(
  { instanceSnapshots, volumeSnapshots }: IncusClient,
  { project, machine, snapshot, volumes }: SetMember,
): Promise<void> {
  await allSettled([
    ...(snapshot === undefined
      ? []
      : [orMissing(instanceSnapshots.delete(project, machine, snapshot))]),
    ...volumes.flatMap(({ pool, volume, snapshot }) =>
      snapshot === undefined
        ? []
        : [orMissing(volumeSnapshots.delete({ pool, project, volume }, snapshot))]
    ),
  ]);
}

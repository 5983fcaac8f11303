import { allSettled } from "../incus/all_settled.ts";
import { orMissing } from "../incus/collection.ts";
import type { IncusClient } from "../incus/incus_client.ts";
import { eachMachine } from "./each_machine.ts";
import type { Inventory } from "./inventory.ts";
import { SetNoteWriter } from "./note_store.ts";
import type { WorkOptions, WorkResult } from "./snapshot_event.ts";
import { memberKey, notedKey, notesOf, type SetMember, type SnapshotSet } from "./snapshot_set.ts";

interface Deletion {
  readonly set: SnapshotSet;
  readonly notes: Inventory["notes"];
  /** The members to delete; absent: the whole set. */
  readonly members?: readonly SetMember[];
  /**
   * First notes that the set is to be deleted, so that the next `prune` carries on. Without the
   * note, nothing would record which sets this run chose.
   */
  readonly notesFirst?: true;
}

/**
 * Deletes members of a set. The note is deleted last: an interrupted deletion leaves a set that is
 * marked incomplete, and can be repeated.
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
  // The rest of a set that was to be deleted must not pass for a whole set. The note still names
  // every machine, so the missing ones show.
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

import type { IncusClient } from "../incus/incus_client.ts";
import { allSettled, eachMachine } from "./each_machine.ts";
import type { Inventory } from "./inventory.ts";
import { writeSetNote } from "./note_store.ts";
import type { SetNote } from "./set_note.ts";
import type { WorkOptions, WorkResult } from "./snapshot_event.ts";
import { isUnfinished, notesOf, type SetMember, type SnapshotSet } from "./snapshot_set.ts";
import { unlessMissing } from "./take_set.ts";

/**
 * Deletes members of a set, by default all of it. The notes go last, and after all others the one that marks a set as unfinished:
 * an interrupted deletion leaves a set that is marked incomplete, and can be repeated.
 */
export async function deleteSet(
  incus: IncusClient,
  set: SnapshotSet,
  notes: Inventory["notes"],
  options: WorkOptions,
  members: readonly SetMember[] = set.members,
): Promise<WorkResult> {
  const work = members.map((member) => ({ ...member, name: member.machine }));
  const result = await eachMachine(work, options, async (member, say) => {
    say("deleting its snapshot");
    await deleteMember(incus, member);
  });
  const left = new Set([...result.skipped, ...result.failed.map(({ machine }) => machine)]);
  const deleted = members.filter(({ machine }) => !left.has(machine));
  await forget(incus, set, notes, deleted);
  return result;
}

async function deleteMember(
  { instanceSnapshots, volumeSnapshots }: IncusClient,
  { project, machine, snapshot, volumes }: SetMember,
): Promise<void> {
  await allSettled([
    ...(snapshot === undefined
      ? []
      : [unlessMissing(instanceSnapshots.delete(project, machine, snapshot))]),
    ...volumes.flatMap(({ pool, volume, snapshot }) =>
      snapshot === undefined
        ? []
        : [unlessMissing(volumeSnapshots.delete({ pool, project, volume }, snapshot))]
    ),
  ]);
}

/** Takes these machines out of the set's notes; a note of nobody goes, and the others no longer name its project. */
async function forget(
  incus: IncusClient,
  { name }: SnapshotSet,
  notes: Inventory["notes"],
  deleted: readonly SetMember[],
): Promise<void> {
  const before = notesOf(name, notes);
  const machines = new Map(before.map(({ project, note }) => [
    project,
    Object.entries(note.machines).filter(([machine]) =>
      !deleted.some((member) => member.project === project && member.machine === machine)
    ),
  ]));
  const emptied = [...machines].filter(([, left]) => left.length === 0).map(([project]) => project);
  const rewrite = async ({ project, note }: typeof before[number]) => {
    const left = machines.get(project) ?? [];
    if (left.length === 0) return await writeSetNote(incus, project, name, undefined);
    const changed: SetNote = {
      ...note,
      machines: Object.fromEntries(left),
      projects: note.projects.filter((each) => !emptied.includes(each)),
    };
    if (JSON.stringify(changed) === JSON.stringify(note)) return;
    await writeSetNote(incus, project, name, changed);
  };
  await allSettled(before.filter(({ note }) => !isUnfinished([note])).map(rewrite));
  await allSettled(before.filter(({ note }) => isUnfinished([note])).map(rewrite));
}

import { compareText } from "../resource/delta.ts";
import { MachineFinder } from "./find_noted_machine.ts";
import { machineKey } from "./place.ts";
import type { NotedMachine } from "./set_note.ts";
import {
  isUnfinished,
  notedMachinesOf,
  notesOf,
  type SetMember,
  type SetSources,
  sizeOf,
  snapshotKey,
  type SnapshotSet,
  UNDELETED,
  UNFINISHED,
} from "./snapshot_set.ts";
import { pairUnrecorded } from "./unrecorded_snapshots.ts";
import { optional } from "../diag/optional.ts";

/**
 * Builds the sets: members by their notes, and the snapshots without a note paired by name and
 * time. Oldest first. Pure.
 */
export function buildSets(sources: SetSources): SnapshotSet[] {
  const used = new Set<string>();
  const finder = new MachineFinder(sources.machines, sources.volumeSnapshots, sources.volumes);
  const noted = [...setNames(sources)].flatMap((name) =>
    notedSet(name, sources, finder, used) ?? []
  );
  return [...noted, ...pairUnrecorded(sources, used)]
    .toSorted((a, b) => compareText(a.at, b.at) || compareText(a.name, b.name));
}

/**
 * Returns a set as its notes alone describe it, without a look into each machine. Assumes that
 * every root disk has its snapshot; undefined where no note names the set. For deleting it. Pure.
 */
export function setOfNotes(
  name: string,
  { machines, notes, volumeSnapshots }: Pick<SetSources, "machines" | "notes" | "volumeSnapshots">,
): SnapshotSet | undefined {
  const found = notesOf(name, notes);
  const first = found[0]?.note;
  if (first === undefined) return undefined;
  const finder = new MachineFinder(machines, volumeSnapshots);
  const members = notedMachinesOf(found).map((noted): SetMember => ({
    ...memberOf(name, noted, finder, first.at),
    snapshot: name,
  }));
  return { name, origin: first.kind, at: first.at, members, faults: [] };
}

/** The part of a member that does not depend on the root disk's snapshot. */
function memberOf(
  set: string,
  noted: NotedMachine,
  finder: MachineFinder,
  at: string,
): Omit<SetMember, "snapshot"> {
  const { live, project, machine, moved, anew, volumes } = finder.find(set, noted, at);
  const { uuid } = noted;
  return {
    project,
    machine,
    ...(moved ? { before: { project: noted.project, machine: noted.machine } } : {}),
    ...optional({ uuid }),
    gone: live === undefined,
    ...(anew ? { anew } : {}),
    volumes: volumes.map(({ pool, volume, taken, gone }) => ({
      pool,
      volume,
      ...(taken ? { snapshot: set } : gone ? { gone } : {}),
    })),
  };
}

function setNames({ notes }: SetSources): Set<string> {
  return new Set([...notes.values()].flatMap((ofProject) => [...ofProject.keys()]));
}

/** Returns undefined if the set expired and Incus has removed all of it. */
function notedSet(
  name: string,
  sources: SetSources,
  finder: MachineFinder,
  used: Set<string>,
): SnapshotSet | undefined {
  const found = notesOf(name, sources.notes);
  const first = found[0]?.note;
  if (first === undefined) return undefined;
  const members = notedMachinesOf(found)
    .map((noted) => notedMember(name, memberOf(name, noted, finder, first.at), sources, used))
    .toSorted((a, b) => compareText(a.project, b.project) || compareText(a.machine, b.machine));
  const expired = first.expires !== undefined && new Date(first.expires) <= sources.now;
  if (expired && members.every(isEmpty)) return undefined;
  return {
    name,
    origin: first.kind,
    at: first.at,
    ...optional({ expires: first.expires, description: first.description }),
    members,
    faults: [
      ...(isUnfinished(found.map(({ note }) => note)) ? [UNFINISHED] : []),
      ...(found.some(({ note }) => note.state === "deleting") ? [UNDELETED] : []),
      ...members.flatMap(memberFaults),
    ],
  };
}

function notedMember(
  name: string,
  member: Omit<SetMember, "snapshot">,
  { snapshots }: SetSources,
  used: Set<string>,
): SetMember {
  const { project, machine, volumes } = member;
  const root = snapshots.get(machineKey(member))?.find((each) => each.name === name);
  if (root !== undefined) used.add(snapshotKey(project, machine, name));
  for (const { pool, volume, snapshot } of volumes) {
    if (snapshot !== undefined) used.add(snapshotKey(project, volume, name, pool));
  }
  if (root !== undefined) return { ...member, snapshot: name, ...sizeOf(root) };
  return member.anew ? { ...member, gone: true } : member;
}

function isEmpty({ snapshot, volumes }: SetMember): boolean {
  return snapshot === undefined && volumes.every((volume) => volume.snapshot === undefined);
}

function memberFaults(member: SetMember): string[] {
  if (member.gone) return [];
  return [
    ...(member.snapshot === undefined ? [`${member.machine}'s root disk is missing`] : []),
    ...member.volumes.filter(({ snapshot, gone }) => snapshot === undefined && !gone)
      .map(({ volume }) => `volume ${volume} is missing`),
  ];
}

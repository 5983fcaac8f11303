import type { InstanceSnapshot } from "../incus/wire/instance.ts";
import type { VolumeSnapshot } from "../incus/wire/snapshot.ts";
import { compareText } from "../resource/delta.ts";
import type { LiveMachine } from "./inventory.ts";
import { machineKey, type MachinePlace } from "./place.ts";
import type { NotedMachine, SetKind, SetNote } from "./set_note.ts";
import { pairStrangers } from "./unrecorded_snapshots.ts";
import { Finder, type KnownVolumes } from "./find_noted_machine.ts";

/** Snapshots of one name across machines and their volumes. */
export interface SnapshotSet {
  readonly name: string;
  /** `schedule`: taken by Incus, as infra.yml's `snapshots_schedule` asks; `other`: by hand, or by another tool. */
  readonly origin: SetKind | "schedule" | "other";
  /** ISO 8601. */
  readonly at: string;
  /** ISO 8601; absent: never. */
  readonly expires?: string;
  readonly description?: string;
  /** Sorted by project and machine. */
  readonly members: readonly SetMember[];
  /** Why it must not be taken for whole; empty: it is. */
  readonly faults: readonly string[];
}

/** One machine's part of a set. */
export interface SetMember {
  /** Where the machine is now. */
  readonly project: string;
  readonly machine: string;
  /** Where it was then, if that is somewhere else. */
  readonly before?: MachinePlace;
  /** As its note has it. */
  readonly uuid?: string;
  /** The machine was deleted since, and its snapshots with it. */
  readonly gone: boolean;
  /** Another machine was made in its place since. */
  readonly anew?: true;
  /** Incus's name of the root disk's snapshot; absent: it is missing. */
  readonly snapshot?: string;
  readonly volumes: readonly MemberVolume[];
  /** Bytes of the root disk's snapshot, where the storage tells. */
  readonly size?: number;
}

export interface MemberVolume {
  readonly pool: string;
  readonly volume: string;
  /** Absent: it is missing. */
  readonly snapshot?: string;
  /** The volume was deleted since, and its snapshots with it. */
  readonly gone?: true;
}

export interface SetSources {
  readonly machines: readonly LiveMachine[];
  /** By home, then by set. */
  readonly notes: ReadonlyMap<string, ReadonlyMap<string, SetNote>>;
  /** By `project/machine`. */
  readonly snapshots: ReadonlyMap<string, readonly InstanceSnapshot[]>;
  readonly volumeSnapshots: readonly VolumeSnapshot[];
  readonly volumes: KnownVolumes;
  readonly now: Date;
}

/** Everything that is in a set by its note, and what nobody noted paired by name and time. Oldest first. Pure. */
export function buildSets(sources: SetSources): SnapshotSet[] {
  const used = new Set<string>();
  const finder = new Finder(sources.machines, sources.volumeSnapshots, sources.volumes);
  const noted = [...setNames(sources)].flatMap((name) =>
    notedSet(name, sources, finder, used) ?? []
  );
  return [...noted, ...pairStrangers(sources, used)]
    .toSorted((a, b) => compareText(a.at, b.at) || compareText(a.name, b.name));
}

/**
 * A set as its notes alone tell it, every root disk's part taken to be there; undefined where no note names it. For who is to remove it:
 * without a look into every machine. Pure.
 */
export function setOfNotes(
  name: string,
  { machines, notes, volumeSnapshots }: Pick<SetSources, "machines" | "notes" | "volumeSnapshots">,
): SnapshotSet | undefined {
  const found = notesOf(name, notes);
  const first = found[0]?.note;
  if (first === undefined) return undefined;
  const finder = new Finder(machines, volumeSnapshots);
  const members = machinesOf(found).map((noted): SetMember => ({
    ...memberOf(name, noted, finder, first.at),
    snapshot: name,
  }));
  return { name, origin: first.kind, at: first.at, members, faults: [] };
}

/** The machines of a set: one home's or, where it was handed over and the old one still stands, two homes'. */
export function machinesOf(found: readonly FoundNote[]): NotedMachine[] {
  const all = found.flatMap(({ note }) => note.machines);
  return [...new Map(all.map((noted) => [notedKey(noted), noted])).values()];
}

/** Tells a noted machine from one that was made in its place, and that has joined the set since. */
export function notedKey(noted: MachinePlace & { readonly uuid?: string }): string {
  return noted.uuid ?? machineKey(noted);
}

/** `notedKey` of what the member was read from. */
export function memberKey({ project, machine, uuid, before }: SetMember): string {
  const place = before ?? { project, machine };
  return notedKey({ ...place, ...(uuid === undefined ? {} : { uuid }) });
}

/** What of a member does not depend on the root disk's snapshot. */
function memberOf(
  set: string,
  noted: NotedMachine,
  finder: Finder,
  at: string,
): Omit<SetMember, "snapshot"> {
  const { live, project, machine, moved, anew, volumes } = finder.find(set, noted, at);
  const { uuid } = noted;
  return {
    project,
    machine,
    ...(moved ? { before: { project: noted.project, machine: noted.machine } } : {}),
    ...(uuid === undefined ? {} : { uuid }),
    gone: live === undefined,
    ...(anew ? { anew } : {}),
    volumes: volumes.map(({ pool, volume, taken, gone }) => ({
      pool,
      volume,
      ...(taken ? { snapshot: set } : gone ? { gone } : {}),
    })),
  };
}

const UNFINISHED = "its taking was not finished";
const UNDELETED = "its deletion was not finished";

/** Whether an interrupted run left a set, by its notes. */
export function isUnfinished(notes: Iterable<SetNote>): boolean {
  return [...notes].some(({ state }) => state === "taking");
}

/** Whether an interrupted run left it. */
export function wasInterrupted({ faults }: SnapshotSet): boolean {
  return faults.includes(UNFINISHED);
}

/** Whether it had been chosen to go, and a run was interrupted at it. */
export function wasToGo({ faults }: SnapshotSet): boolean {
  return faults.includes(UNDELETED);
}

/** Whether all of a member that still stands can be put back. */
export function isWhole(member: SetMember): boolean {
  return !member.gone && member.snapshot !== undefined &&
    member.volumes.every(({ snapshot, gone }) => snapshot !== undefined || gone);
}

/** Of an instance's snapshot, or with the pool of a volume's: what is already in a set. */
export function snapshotKey(project: string, holder: string, name: string, pool = ""): string {
  return `${pool}/${project}/${holder}/${name}`;
}

export interface FoundNote {
  /** The set's home. */
  readonly project: string;
  readonly note: SetNote;
}

/** The notes of one set: one, or two where a home was handed over and still stands. */
export function notesOf(name: string, notes: SetSources["notes"]): FoundNote[] {
  return [...notes].flatMap(([project, ofProject]) => {
    const note = ofProject.get(name);
    return note === undefined ? [] : [{ project, note }];
  });
}

function setNames({ notes }: SetSources): Set<string> {
  return new Set([...notes.values()].flatMap((ofProject) => [...ofProject.keys()]));
}

/** undefined: it expired, and Incus has removed all of it. */
function notedSet(
  name: string,
  sources: SetSources,
  finder: Finder,
  used: Set<string>,
): SnapshotSet | undefined {
  const found = notesOf(name, sources.notes);
  const first = found[0]?.note;
  if (first === undefined) return undefined;
  const members = machinesOf(found)
    .map((noted) => notedMember(name, memberOf(name, noted, finder, first.at), sources, used))
    .toSorted((a, b) => compareText(a.project, b.project) || compareText(a.machine, b.machine));
  const expired = first.expires !== undefined && new Date(first.expires) <= sources.now;
  if (expired && members.every(isEmpty)) return undefined;
  return {
    name,
    origin: first.kind,
    at: first.at,
    ...(first.expires === undefined ? {} : { expires: first.expires }),
    ...(first.description === undefined ? {} : { description: first.description }),
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

/** -1 and 0 are what drivers say that do not know. */
export function sizeOf({ size }: InstanceSnapshot): { size?: number } {
  return size === undefined || size <= 0 ? {} : { size };
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

import type { InstanceSnapshot } from "../incus/wire/instance.ts";
import type { VolumeSnapshot } from "../incus/wire/snapshot.ts";
import type { LiveMachine } from "./live_machine.ts";
import { machineKey, type NotedPlace } from "./place.ts";
import type { NotedMachine, SetKind, SetNote } from "./set_note.ts";
import type { KnownVolumes } from "./find_noted_machine.ts";

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
  readonly before?: NotedPlace;
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

/** The machines of a set: one home's or, where it was handed over and the old one still stands, two homes'. */
export function notedMachinesOf(found: readonly FoundNote[]): NotedMachine[] {
  const all = found.flatMap(({ note }) => note.machines);
  return [...new Map(all.map((noted) => [notedKey(noted), noted])).values()];
}

/** Tells a noted machine from one that was made in its place, and that has joined the set since. */
export function notedKey(noted: NotedPlace & { readonly uuid?: string }): string {
  return noted.uuid ?? machineKey(noted);
}

/** `notedKey` of what the member was read from. */
export function memberKey({ project, machine, uuid, before }: SetMember): string {
  const place = before ?? { project, machine };
  return notedKey({ ...place, ...(uuid === undefined ? {} : { uuid }) });
}

export const UNFINISHED = "its taking was not finished";
export const UNDELETED = "its deletion was not finished";

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

/** -1 and 0 are what drivers say that do not know. */
export function sizeOf({ size }: InstanceSnapshot): { size?: number } {
  return size === undefined || size <= 0 ? {} : { size };
}

import type { InstanceSnapshot } from "../incus/wire/instance.ts";
import type { VolumeSnapshot } from "../incus/wire/snapshot.ts";
import type { LiveMachine } from "./live_machine.ts";
import { machineKey, type NotedPlace } from "./place.ts";
import type { NotedMachine, SetKind, SetNote } from "./set_note.ts";
import type { KnownVolumes } from "./find_noted_machine.ts";
import { optional } from "../diag/optional.ts";

/** Snapshots of one name across machines and their volumes. */
export interface SnapshotSet {
  readonly name: string;
  /**
   * `schedule`: taken by Incus, as `snapshots_schedule` of infra.yml says; `other`: taken by hand,
   * or by another tool.
   */
  readonly origin: SetKind | "schedule" | "other";
  /** ISO 8601. */
  readonly at: string;
  /** ISO 8601; absent: never. */
  readonly expires?: string;
  readonly description?: string;
  /** Sorted by project and machine. */
  readonly members: readonly SetMember[];
  /** Reasons why the set is not whole; empty: it is. */
  readonly faults: readonly string[];
}

/** One machine's part of a set. */
export interface SetMember {
  /** The machine's present project. */
  readonly project: string;
  readonly machine: string;
  /** Its place when the set was taken, if that differs. */
  readonly before?: NotedPlace;
  /** The UUID in its note. */
  readonly uuid?: string;
  /** The machine was deleted since, and its snapshots with it. */
  readonly gone: boolean;
  /** Another machine was made in its place since the set was taken. */
  readonly anew?: true;
  /** Incus's name of the root disk's snapshot; absent: it is missing. */
  readonly snapshot?: string;
  readonly volumes: readonly MemberVolume[];
  /** Size of the root disk's snapshot in bytes, if the storage driver reports it. */
  readonly size?: number;
}

export interface MemberVolume {
  readonly pool: string;
  readonly volume: string;
  /** Name of its snapshot; absent: it is missing. */
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

/**
 * Returns the machines of a set. The notes are from one home, or from two if the set was moved to a
 * new home and the old one still exists.
 */
export function notedMachinesOf(found: readonly FoundNote[]): NotedMachine[] {
  const all = found.flatMap(({ note }) => note.machines);
  return [...new Map(all.map((noted) => [notedKey(noted), noted])).values()];
}

/**
 * Returns a key that tells a noted machine from a later one in the same place that joined the set.
 */
export function notedKey(noted: NotedPlace & { readonly uuid?: string }): string {
  return noted.uuid ?? machineKey(noted);
}

/** Returns the `notedKey` of the noted machine behind a member. */
export function memberKey({ project, machine, uuid, before }: SetMember): string {
  const place = before ?? { project, machine };
  return notedKey({ ...place, ...optional({ uuid }) });
}

export const UNFINISHED = "taking it was not finished";
export const UNDELETED = "deleting it was not finished";

/** True if the notes say that the taking was interrupted. */
export function isUnfinished(notes: Iterable<SetNote>): boolean {
  return [...notes].some(({ state }) => state === "taking");
}

/** True if the taking was interrupted. */
export function wasInterrupted({ faults }: SnapshotSet): boolean {
  return faults.includes(UNFINISHED);
}

/** True if `prune` had chosen the set and was interrupted while it deleted it. */
export function wasToGo({ faults }: SnapshotSet): boolean {
  return faults.includes(UNDELETED);
}

/** True if all of a member that still exists can be restored. */
export function isWhole(member: SetMember): boolean {
  return !member.gone && member.snapshot !== undefined &&
    member.volumes.every(({ snapshot, gone }) => snapshot !== undefined || gone);
}

/**
 * Returns a key for a snapshot of an instance or, with `pool`, of a volume. Tells which snapshots
 * are already in a set.
 */
export function snapshotKey(project: string, holder: string, name: string, pool = ""): string {
  return `${pool}/${project}/${holder}/${name}`;
}

export interface FoundNote {
  /** The set's home. */
  readonly project: string;
  readonly note: SetNote;
}

/** Returns the notes of one set: one, or two if a home was handed over and still exists. */
export function notesOf(name: string, notes: SetSources["notes"]): FoundNote[] {
  return [...notes].flatMap(([project, ofProject]) => {
    const note = ofProject.get(name);
    return note === undefined ? [] : [{ project, note }];
  });
}

/** Drivers that do not know the size report -1 or 0. */
export function sizeOf({ size }: InstanceSnapshot): { size?: number } {
  return size === undefined || size <= 0 ? {} : { size };
}

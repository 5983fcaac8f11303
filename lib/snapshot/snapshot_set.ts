import type { InstanceSnapshot } from "../incus/wire/instance.ts";
import type { VolumeSnapshot } from "../incus/wire/snapshot.ts";
import { compareText } from "../resource/delta.ts";
import type { LiveMachine } from "./inventory.ts";
import type { SetKind, SetNote } from "./set_note.ts";
import { pairStrangers } from "./stranger.ts";

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
  /** Projects of the set that are gone, with all that was in them. */
  readonly lostProjects: readonly string[];
  /** Why it must not be taken for whole; empty: it is. */
  readonly faults: readonly string[];
}

/** One machine's part of a set. */
export interface SetMember {
  readonly project: string;
  readonly machine: string;
  /** The machine was deleted since, and its snapshots with it. */
  readonly gone: boolean;
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
}

export interface SetSources {
  readonly machines: readonly LiveMachine[];
  /** By project, then by set. */
  readonly notes: ReadonlyMap<string, ReadonlyMap<string, SetNote>>;
  /** By `project/machine`. */
  readonly snapshots: ReadonlyMap<string, readonly InstanceSnapshot[]>;
  readonly volumeSnapshots: readonly VolumeSnapshot[];
  readonly now: Date;
}

/** Everything that is in a set by its note, and what nobody noted paired by name and time. Oldest first. Pure. */
export function buildSets(sources: SetSources): SnapshotSet[] {
  const used = new Set<string>();
  const noted = [...setNames(sources)].flatMap((name) => notedSet(name, sources, used) ?? []);
  return [...noted, ...pairStrangers(sources, used)]
    .toSorted((a, b) => compareText(a.at, b.at) || compareText(a.name, b.name));
}

/**
 * A set as its notes alone tell it, every part taken to be there; undefined where no note names it. For who is to remove it:
 * without a look into every machine. Pure.
 */
export function setOfNotes(
  name: string,
  { machines, notes }: Pick<SetSources, "machines" | "notes">,
): SnapshotSet | undefined {
  const found = notesOf(name, notes);
  const first = found[0]?.note;
  if (first === undefined) return undefined;
  const members = found.flatMap(({ project, note }) =>
    Object.entries(note.machines).map(([machine, volumes]): SetMember => ({
      project,
      machine,
      gone: !machines.some((live) => live.project === project && live.name === machine),
      snapshot: name,
      volumes: volumes.map((text) => ({ ...splitPlace(text), snapshot: name })),
    }))
  );
  return { name, origin: first.kind, at: first.at, members, lostProjects: [], faults: [] };
}

const UNFINISHED = "its taking was not finished";

/** Whether an interrupted run left a set, by its notes. */
export function isUnfinished(notes: Iterable<SetNote>): boolean {
  return [...notes].some(({ state }) => state === "taking");
}

/** Whether an interrupted run left it. */
export function wasInterrupted({ faults }: SnapshotSet): boolean {
  return faults.includes(UNFINISHED);
}

/** Whether every machine of a member still there can be put back whole. */
export function isWhole(member: SetMember): boolean {
  return !member.gone && member.snapshot !== undefined &&
    member.volumes.every(({ snapshot }) => snapshot !== undefined);
}

/** Of an instance's snapshot, or with the pool of a volume's: what is already in a set. */
export function snapshotKey(project: string, holder: string, name: string, pool = ""): string {
  return `${pool}/${project}/${holder}/${name}`;
}

/** The notes of one set. */
export function notesOf(
  name: string,
  notes: SetSources["notes"],
): { readonly project: string; readonly note: SetNote }[] {
  return [...notes].flatMap(([project, ofProject]) => {
    const note = ofProject.get(name);
    return note === undefined ? [] : [{ project, note }];
  });
}

/** `default/pro-dev-data` */
function splitPlace(text: string): { pool: string; volume: string } {
  const slash = text.indexOf("/");
  return { pool: text.slice(0, slash), volume: text.slice(slash + 1) };
}

function setNames({ notes }: SetSources): Set<string> {
  return new Set([...notes.values()].flatMap((ofProject) => [...ofProject.keys()]));
}

/** undefined: it expired, and Incus has removed all of it. */
function notedSet(
  name: string,
  sources: SetSources,
  used: Set<string>,
): SnapshotSet | undefined {
  const found = notesOf(name, sources.notes);
  const first = found[0]?.note;
  if (first === undefined) return undefined;
  const members = found.flatMap(({ project, note }) =>
    Object.entries(note.machines).map(([machine, volumes]) =>
      notedMember({ name, project, machine, volumes }, sources, used)
    )
  ).toSorted((a, b) => compareText(a.project, b.project) || compareText(a.machine, b.machine));
  const expired = first.expires !== undefined && new Date(first.expires) <= sources.now;
  if (expired && members.every(isEmpty)) return undefined;
  const projects = new Set(found.flatMap(({ note }) => note.projects));
  return {
    name,
    origin: first.kind,
    at: first.at,
    ...(first.expires === undefined ? {} : { expires: first.expires }),
    ...(first.description === undefined ? {} : { description: first.description }),
    members,
    lostProjects: [...projects].filter((project) => !sources.notes.get(project)?.has(name))
      .toSorted(),
    faults: [
      ...(isUnfinished(found.map(({ note }) => note)) ? [UNFINISHED] : []),
      ...members.flatMap(memberFaults),
    ],
  };
}

interface NotedMember {
  readonly name: string;
  readonly project: string;
  readonly machine: string;
  /** `pool/volume` */
  readonly volumes: readonly string[];
}

function notedMember(
  { name, project, machine, volumes }: NotedMember,
  { machines, snapshots, volumeSnapshots }: SetSources,
  used: Set<string>,
): SetMember {
  const live = machines.some((each) => each.project === project && each.name === machine);
  const root = snapshots.get(`${project}/${machine}`)?.find((each) => each.name === name);
  if (root !== undefined) used.add(snapshotKey(project, machine, name));
  return {
    project,
    machine,
    gone: !live,
    ...(root === undefined ? {} : { snapshot: name, ...sizeOf(root) }),
    volumes: volumes.map((text): MemberVolume => {
      const { pool, volume } = splitPlace(text);
      const there = volumeSnapshots.some((each) =>
        each.pool === pool && each.project === project && each.volume === volume &&
        each.name === name
      );
      if (there) used.add(snapshotKey(project, volume, name, pool));
      return { pool, volume, ...(there ? { snapshot: name } : {}) };
    }),
  };
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
    ...member.volumes.filter(({ snapshot }) => snapshot === undefined)
      .map(({ volume }) => `volume ${volume} is missing`),
  ];
}

import type { VolumeSnapshot } from "../incus/wire/snapshot.ts";
import { compareText } from "../resource/delta.ts";
import { SCHEDULE_PREFIX } from "../resource/snapshot_schedule.ts";
import type { LiveMachine } from "./live_machine.ts";
import { placeKey } from "./place.ts";
import {
  type MemberVolume,
  type SetMember,
  type SetSources,
  sizeOf,
  snapshotKey,
  type SnapshotSet,
} from "./snapshot_set.ts";
import { optional } from "../diag/optional.ts";

/**
 * Incus takes the snapshots of one minute's schedule one after another; within this time they
 * belong together.
 */
const TOGETHER_MS = 2 * 60_000;
/** Expiries before this year are Incus's zero time: no expiry. */
const FIRST_YEAR = 1970;

interface Unrecorded {
  readonly name: string;
  readonly at: number;
  readonly expires?: string;
  readonly member: SetMember;
}

/**
 * Builds sets of the snapshots without a note: taken by schedule or by hand. A machine's volumes
 * are paired with its root disk by name or, if the names differ, by time, since Incus numbers each
 * disk by itself. Then snapshots with one name and one time are one set.
 */
export function pairUnrecorded(sources: SetSources, used: ReadonlySet<string>): SnapshotSet[] {
  const groups: { name: string; at: number; strangers: Unrecorded[] }[] = [];
  const unused = sources.volumeSnapshots.filter(({ pool, project, volume, name }) =>
    !used.has(snapshotKey(project, volume, name, pool))
  );
  const byPlace = Map.groupBy(unused, placeKey);
  const strangers = sources.machines.flatMap((machine) =>
    ofMachine(machine, sources, byPlace, used)
  );
  for (const stranger of strangers.toSorted((a, b) => a.at - b.at)) {
    const group = groups.find(({ name, at }) =>
      name === stranger.name && stranger.at - at <= TOGETHER_MS
    );
    if (group === undefined) {
      groups.push({ name: stranger.name, at: stranger.at, strangers: [stranger] });
    } else group.strangers.push(stranger);
  }
  return groups.map(({ name, at, strangers }): SnapshotSet => {
    const expires = strangers.flatMap((stranger) => stranger.expires ?? []).toSorted()[0];
    return {
      name,
      origin: name.startsWith(SCHEDULE_PREFIX) ? "schedule" : "other",
      at: new Date(at).toISOString(),
      ...optional({ expires }),
      members: strangers.map(({ member }) => member)
        .toSorted((a, b) => compareText(a.project, b.project) || compareText(a.machine, b.machine)),
      faults: strangers.flatMap(({ member }) => faultsOf(member)),
    };
  });
}

function ofMachine(
  machine: LiveMachine,
  { snapshots }: SetSources,
  volumeSnapshots: ReadonlyMap<string, readonly VolumeSnapshot[]>,
  used: ReadonlySet<string>,
): Unrecorded[] {
  const { project, name: holder } = machine;
  const roots = (snapshots.get(`${project}/${holder}`) ?? [])
    .filter(({ name }) => !used.has(snapshotKey(project, holder, name)));
  const left = new Set(
    machine.volumes.flatMap((place) => volumeSnapshots.get(placeKey(place)) ?? []),
  );
  const take = (volume: VolumeSnapshot): MemberVolume => {
    left.delete(volume);
    return { pool: volume.pool, volume: volume.volume, snapshot: volume.name };
  };
  const found = roots.map((root): Unrecorded => {
    const at = Date.parse(root.created_at);
    const { expires_at } = root;
    const volumes = machine.volumes.map(({ pool, volume }): MemberVolume => {
      const near = [...left].filter((each) =>
        each.pool === pool && each.volume === volume && apart(each, at) <= TOGETHER_MS
      ).toSorted((a, b) => apart(a, at) - apart(b, at));
      const paired = near.find(({ name }) => name === root.name) ?? near[0];
      return paired === undefined ? { pool, volume } : take(paired);
    });
    return {
      name: root.name,
      at,
      ...optional({
        expires: new Date(expires_at).getUTCFullYear() < FIRST_YEAR ? undefined : expires_at,
      }),
      member: {
        project,
        machine: holder,
        gone: false,
        snapshot: root.name,
        volumes,
        ...sizeOf(root),
      },
    };
  });
  const alone = Map.groupBy(left, ({ name }) => name);
  return [
    ...found,
    ...[...alone].map(([name, volumes]): Unrecorded => ({
      name,
      at: Math.min(...volumes.map(({ created_at }) => Date.parse(created_at))),
      member: { project, machine: holder, gone: false, volumes: volumes.map(take) },
    })),
  ];
}

function apart({ created_at }: VolumeSnapshot, at: number): number {
  return Math.abs(Date.parse(created_at) - at);
}

/**
 * Returns the missing parts. A user may take a snapshot of the root disk alone, or of a volume. It
 * is reported, since no restore puts half a machine back.
 */
function faultsOf({ machine, snapshot, volumes }: SetMember): string[] {
  if (snapshot === undefined) return [`${machine}'s root disk is not in it`];
  return volumes.filter((volume) => volume.snapshot === undefined)
    .map(({ volume }) => `volume ${volume} is not in it`);
}

import type { IncusClient } from "../incus/incus_client.ts";
import type { VolumePlace } from "../incus/volume_snapshots.ts";
import type { Instance } from "../incus/wire/instance.ts";
import type { VolumeSnapshot } from "../incus/wire/snapshot.ts";
import type { Volume } from "../incus/wire/storage.ts";
import { compareText } from "../resource/delta.ts";
import { MARK, type Owner, ownership } from "../resource/mark.ts";
import { sameValue } from "../resource/value.ts";
import { followRestores } from "./follow_restores.ts";
import { placeKey } from "./place.ts";
import { type Everything, readEverything, type ReadEverythingOptions } from "./read_everything.ts";
import type { SnapshotSet } from "./snapshot_set.ts";
import { buildSets } from "./build_sets.ts";
import {
  type PendingRestore,
  readRestoreNote,
  readSetNotes,
  type RestoreNote,
  type SetNote,
  splitPlace,
} from "./set_note.ts";
import { disksOf, type LiveMachine, type LivePool, snapshotsOf } from "./live_machine.ts";

/** Machines, volumes and snapshots of this infra, read from Incus alone. */
export interface Inventory {
  readonly machines: readonly LiveMachine[];
  readonly pools: readonly LivePool[];
  /** By project: the notes of the sets whose home it is. */
  readonly notes: ReadonlyMap<string, ReadonlyMap<string, SetNote>>;
  /**
   * By project: machines with an unfinished restore, at their present place. Machines that are gone
   * are left out.
   */
  readonly restores: ReadonlyMap<string, RestoreNote>;
  /** Projects whose restore notes differ from `restores`. */
  readonly outdated: readonly string[];
  readonly volumeSnapshots: readonly VolumeSnapshot[];
  /** Snapshots of root disks of all owners; only with `snapshots: "names"`. */
  readonly rootSnapshots: readonly VolumeSnapshot[];
  /** Oldest first; only with `snapshots: "all"`. */
  readonly sets: readonly SnapshotSet[];
}

/** Selects the part of everything that belongs to this infra. Pure. */
export function inventoryOf(everything: Everything, owner: Owner, now: Date): Inventory {
  const { projects, instances, pools } = everything;
  const isOurs = (config: Readonly<Record<string, string>>) =>
    ownership(config, owner).kind === "ours";
  const volumes = new Map<string, Volume>();
  for (const { pool, volumes: listed } of pools) {
    for (const volume of listed) {
      if (isOurs(volume.config)) volumes.set(placeKey(placeOf(pool.name, volume)), volume);
    }
  }
  const ours = instances.filter(({ config }) => isOurs(config));
  const attached = attach(ours, volumes);
  const owned = projects.filter(({ config }) => isOurs(config));
  const notes = new Map(owned.map(({ name, config }) => [name, readSetNotes(config)]));
  const written = new Map(owned.map(({ name, config }) => [name, readRestoreNote(config)]));
  const restores = followRestores(written, attached);
  const machines = attached.map((machine) =>
    withVolumesOfNow(machine, restores.get(machine.project)?.[machine.name], attached, volumes)
  );
  const volumeSnapshots = pools.flatMap((pool) =>
    pool.snapshots.filter((snapshot) => volumes.has(placeKey(snapshot)))
  );
  const snapshots = new Map(ours.map((instance) => [
    `${instance.project}/${instance.name}`,
    snapshotsOf(instance),
  ]));
  return {
    machines,
    pools: pools.map(({ pool: { name, driver, config } }) => ({ name, driver, config })),
    notes,
    restores,
    outdated: [...new Set([...written.keys(), ...restores.keys()])].filter((project) =>
      !sameMachines(written.get(project), restores.get(project))
    ),
    volumeSnapshots,
    rootSnapshots: pools.flatMap((pool) => pool.rootSnapshots),
    sets: everything.snapshots === "all"
      ? buildSets({ machines, notes, snapshots, volumeSnapshots, volumes, now })
      : [],
  };
}

/**
 * Adds the volumes that a half restored machine had when its restore began. Its devices are the old
 * ones; the note of the restore names these volumes.
 */
function withVolumesOfNow(
  machine: LiveMachine,
  pending: PendingRestore | undefined,
  machines: readonly LiveMachine[],
  volumes: ReadonlyMap<string, Volume>,
): LiveMachine {
  // A pending restore is rare, and the lookup below goes through every machine.
  if (pending?.volumes === undefined) return machine;
  const held = new Set(machines.flatMap((each) => each.volumes.map(placeKey)));
  const devices = new Set(machine.volumes.map(({ device }) => device));
  const missing = Object.entries(pending.volumes).flatMap(([device, text]) => {
    const place = { device, ...splitPlace(text), project: machine.project };
    const isFree = volumes.has(placeKey(place)) && !held.has(placeKey(place));
    return devices.has(device) || !isFree ? [] : [place];
  });
  return missing.length === 0 ? machine : { ...machine, volumes: [...machine.volumes, ...missing] };
}

function sameMachines(one: RestoreNote = {}, other: RestoreNote = {}): boolean {
  const [left, right] = [one, other].map((note) => Object.keys(note).toSorted().join());
  return left === right;
}

/** Reads the machines, volumes and snapshots of this infra. */
export async function readInventory(
  incus: IncusClient,
  owner: Owner,
  options: ReadEverythingOptions & { readonly now: Date },
): Promise<Inventory> {
  return inventoryOf(await readEverything(incus, options), owner, options.now);
}

function placeOf(pool: string, { project, name }: Volume): VolumePlace {
  return { pool, project, volume: name };
}

/**
 * Returns machines with their volumes. A volume that two machines share belongs to the first of
 * them, or to the one that it is named after.
 */
function attach(
  instances: readonly Instance[],
  volumes: ReadonlyMap<string, Volume>,
): LiveMachine[] {
  const sorted = instances.toSorted((a, b) =>
    compareText(a.project, b.project) || compareText(a.name, b.name)
  );
  const holder = new Map<string, string>();
  for (const instance of sorted) {
    for (const place of disksOf(instance)) {
      const key = placeKey(place);
      if (!volumes.has(key)) continue;
      if (!holder.has(key) || place.volume.startsWith(`${instance.name}-`)) {
        holder.set(key, instance.name);
      }
    }
  }
  return sorted.map((instance): LiveMachine => ({
    project: instance.project,
    name: instance.name,
    domain: instance.config[MARK.domain] ?? instance.project,
    status: instance.status,
    instance,
    protected: sameValue("", instance.config["security.protection.delete"], "true"),
    volumes: disksOf(instance).filter((place) => holder.get(placeKey(place)) === instance.name),
    rootPool: Object.values(instance.expanded_devices ?? instance.devices)
      .find((device) => device.type === "disk" && device.path === "/")?.pool,
  }));
}

import type { IncusClient } from "../incus/incus_client.ts";
import type { VolumePlace } from "../incus/volume_snapshots.ts";
import type { Instance, InstanceSnapshot } from "../incus/wire/instance.ts";
import type { VolumeSnapshot } from "../incus/wire/snapshot.ts";
import type { Volume } from "../incus/wire/storage.ts";
import { compareText } from "../resource/delta.ts";
import { MARK, type Owner, ownership } from "../resource/mark.ts";
import { sameValue } from "../resource/value.ts";
import { buildSets, type SnapshotSet } from "./snapshot_set.ts";
import { readRestoreNote, readSetNotes, type RestoreNote, type SetNote } from "./set_note.ts";

/** A machine of this infra that stands, with what a snapshot of it has to hold. */
export interface LiveMachine {
  readonly project: string;
  readonly name: string;
  readonly domain: string;
  /** `Running`, `Stopped`, `Frozen` … */
  readonly status: string;
  readonly instance: Instance;
  /** `ephemeral: false`. */
  readonly protected: boolean;
  /** Custom volumes of this infra that are attached to it. */
  readonly volumes: readonly VolumePlace[];
  readonly rootPool: string | undefined;
}

export interface LivePool {
  readonly name: string;
  readonly driver: string;
  readonly config: Readonly<Record<string, string>>;
}

/** Machines, volumes and snapshots of this infra, as Incus alone tells them. */
export interface Inventory {
  readonly machines: readonly LiveMachine[];
  readonly pools: readonly LivePool[];
  /** By project: what is noted of sets there. */
  readonly notes: ReadonlyMap<string, ReadonlyMap<string, SetNote>>;
  /** By project: machines whose restore did not come to its end. */
  readonly restores: ReadonlyMap<string, RestoreNote>;
  readonly volumeSnapshots: readonly VolumeSnapshot[];
  /** Oldest first. Without `snapshots` none is known. */
  readonly sets: readonly SnapshotSet[];
}

export interface InventoryOptions {
  /** false: machines and notes only, which spares the daemon a look into every machine. Default true. */
  readonly snapshots?: boolean;
  readonly now: Date;
  readonly signal?: AbortSignal | undefined;
}

/** Reads it in one wave of requests, and one more for each storage pool. */
export async function readInventory(
  incus: IncusClient,
  owner: Owner,
  options: InventoryOptions,
): Promise<Inventory> {
  const { signal } = options;
  const full = options.snapshots ?? true;
  const everywhere = { allProjects: true } as const;
  const [projects, instances, pools] = await Promise.all([
    incus.projects.list({ signal }),
    full
      ? incus.instances.listFull(everywhere, { signal })
      : incus.instances.list(everywhere, { signal }),
    incus.storagePools.list({ signal }),
  ]);
  const listed = await Promise.all(
    pools.map(async ({ name }) => ({
      name,
      ...await incus.volumeSnapshots.list(name, { signal }),
    })),
  );
  const isOurs = (config: Readonly<Record<string, string>>) =>
    ownership(config, owner).kind === "ours";
  const volumes = new Map<string, Volume>();
  for (const pool of listed) {
    for (const volume of pool.volumes) {
      if (isOurs(volume.config)) volumes.set(placeKey(placeOf(pool.name, volume)), volume);
    }
  }
  const ours = instances.filter(({ config }) => isOurs(config));
  const machines = attach(ours, volumes);
  const owned = projects.filter(({ config }) => isOurs(config));
  const notes = new Map(owned.map(({ name, config }) => [name, readSetNotes(config)]));
  const restores = new Map(owned.map(({ name, config }) => [name, readRestoreNote(config)]));
  const volumeSnapshots = listed.flatMap((pool) =>
    pool.snapshots.filter((snapshot) => volumes.has(placeKey(snapshot)))
  );
  const snapshots = new Map(ours.map((instance) => [
    `${instance.project}/${instance.name}`,
    "snapshots" in instance ? (instance.snapshots as InstanceSnapshot[] | null) ?? [] : [],
  ]));
  return {
    machines,
    pools: pools.map(({ name, driver, config }) => ({ name, driver, config })),
    notes,
    restores,
    volumeSnapshots,
    sets: full ? buildSets({ machines, notes, snapshots, volumeSnapshots, now: options.now }) : [],
  };
}

/** `default/pro/pro-dev-data` */
export function placeKey({ pool, project, volume }: VolumePlace): string {
  return `${pool}/${project}/${volume}`;
}

function placeOf(pool: string, { project, name }: Volume): VolumePlace {
  return { pool, project, volume: name };
}

/** Machines with their volumes. One that two machines share goes with the first that it is named after. */
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

function disksOf({ project, devices }: Instance): VolumePlace[] {
  return Object.values(devices).flatMap((device) =>
    device.type === "disk" && device.pool !== undefined && device.source !== undefined &&
      device.path !== "/"
      ? [{ pool: device.pool, project, volume: device.source }]
      : []
  );
}

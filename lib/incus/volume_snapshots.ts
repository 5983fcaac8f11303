import { type Connection, orMissing, type ReadOptions } from "./collection.ts";
import { IncusError } from "./incus_error.ts";
import type { OperationOptions } from "./operations.ts";
import { apiPath } from "./path.ts";
import type { SnapshotsPost, VolumeSnapshot } from "./wire/snapshot.ts";
import type { Volume, VolumeFull, VolumeSnapshotEntry } from "./wire/storage.ts";
import { optional } from "../diag/optional.ts";

/** The place of a custom volume. */
export interface VolumePlace {
  readonly pool: string;
  readonly project: string;
  readonly volume: string;
}

interface ListOptions extends ReadOptions {
  /** Also lists the snapshots of root disks. Default false. */
  readonly rootDisks?: boolean;
}

export interface PoolListing {
  /** Custom volumes only. */
  readonly volumes: readonly Volume[];
  readonly snapshots: readonly VolumeSnapshot[];
  /** Snapshots of root disks; `volume` is the machine's name. */
  readonly rootSnapshots: readonly VolumeSnapshot[];
}

/** Enough parallel requests to keep the daemon busy. */
const AT_ONCE = 8;

/** `/1.0/storage-pools/POOL/volumes/custom/NAME/snapshots` */
export class VolumeSnapshots {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /**
   * Returns the volumes of a pool and their snapshots, of every project. Incus lists both in one
   * answer.
   */
  async list(pool: string, { rootDisks, ...options }: ListOptions = {}): Promise<PoolListing> {
    const path = apiPath`/1.0/storage-pools/${pool}/volumes`;
    const all = await this.#listFull(rootDisks ? path : `${path}/custom`, options);
    const custom = all.filter(({ type }) => type === "custom");
    const disks = all.filter(({ type }) => type === "container" || type === "virtual-machine");
    return {
      volumes: custom.filter(({ name }) => !name.includes("/")),
      snapshots: custom.flatMap((volume) => snapshotsOf(pool, volume)),
      rootSnapshots: disks.flatMap((volume) => snapshotsOf(pool, volume)),
    };
  }

  /**
   * Lists volumes with their snapshots. Incus 7 adds the snapshots to each volume. If it cannot
   * read those of one volume, the whole request fails: then each volume is asked for its own
   * snapshots.
   */
  async #listFull(path: string, options: ReadOptions): Promise<VolumeFull[]> {
    const { transport } = this.#connection;
    const query = { "all-projects": true };
    try {
      return await transport.read(path, { ...options, query: { ...query, recursion: 2 } });
    } catch (error) {
      if (!(error instanceof IncusError) || ![404, 500].includes(error.status)) throw error;
    }
    const volumes = await transport.read<Volume[]>(path, {
      ...options,
      query: { ...query, recursion: 1 },
    });
    const full: VolumeFull[] = [];
    for (let from = 0; from < volumes.length; from += AT_ONCE) {
      const some = volumes.slice(from, from + AT_ONCE);
      full.push(...await Promise.all(some.map((each) => this.#addSnapshots(path, each, options))));
    }
    return full;
  }

  /** `path` is the path of the pool's volumes, or of those of one type. */
  async #addSnapshots(path: string, volume: Volume, options: ReadOptions): Promise<VolumeFull> {
    const { type, name, project } = volume;
    if (type === "image" || name.includes("/")) return volume;
    const ofType = path.endsWith("/custom") ? path : `${path}/${type}`;
    const snapshots = this.#connection.transport.read<VolumeSnapshotEntry[]>(
      `${ofType}/${encodeURIComponent(name)}/snapshots`,
      { ...options, query: { project, recursion: 1 } },
    );
    return { ...volume, snapshots: await orMissing(snapshots) ?? [] };
  }

  async create(
    place: VolumePlace,
    body: SnapshotsPost,
    options: OperationOptions = {},
  ): Promise<void> {
    const { project } = place;
    await this.#connection.operations.run("POST", `${volumePath(place)}/snapshots`, {
      ...options,
      query: { project },
      body,
      isDone: () => this.#exists(place, body.name),
    });
  }

  async delete(place: VolumePlace, name: string, options: OperationOptions = {}): Promise<void> {
    const { project } = place;
    await this.#connection.operations.run("DELETE", snapshotPath(place, name), {
      ...options,
      query: { project },
      isDone: async () => !await this.#exists(place, name),
    });
  }

  /**
   * Restores a snapshot while no running machine uses the volume. The volume's config does not
   * change.
   */
  async restore(place: VolumePlace, name: string, options: OperationOptions = {}): Promise<void> {
    const { project } = place;
    await this.#connection.operations.run("PUT", volumePath(place), {
      ...options,
      query: { project },
      body: { restore: name },
      isDone: () => Promise.resolve(false),
    });
  }

  async #exists(place: VolumePlace, name: string): Promise<boolean> {
    const query = { project: place.project };
    const { transport } = this.#connection;
    return (await orMissing(transport.read(snapshotPath(place, name), { query }))) !== undefined;
  }
}

/**
 * Returns the snapshots of a volume that contains them (7.0), or of an entry such as `data/snap0`
 * that is one (6.0).
 */
function snapshotsOf(pool: string, volume: VolumeFull): VolumeSnapshot[] {
  const [name, own] = volume.name.split("/");
  const entries = own === undefined ? volume.snapshots ?? [] : [volume];
  return entries.map(({ name: full, created_at, config: { size } }) => ({
    pool,
    project: volume.project,
    volume: name!,
    name: full.split("/").at(-1)!,
    created_at,
    ...optional({ size }),
  }));
}

function volumePath({ pool, volume }: VolumePlace): string {
  return apiPath`/1.0/storage-pools/${pool}/volumes/custom/${volume}`;
}

function snapshotPath(place: VolumePlace, name: string): string {
  return `${volumePath(place)}/snapshots/${encodeURIComponent(name)}`;
}

import { type Connection, orMissing, type ReadOptions } from "./collection.ts";
import type { OperationOptions } from "./operations.ts";
import { apiPath } from "./path.ts";
import type { SnapshotsPost, VolumeSnapshot } from "./wire/snapshot.ts";
import type { Volume } from "./wire/storage.ts";

/** Which custom volume. */
export interface VolumePlace {
  readonly pool: string;
  readonly project: string;
  readonly volume: string;
}

export interface ListOptions extends ReadOptions {
  /** Also what there is of snapshots of root disks; default false. */
  readonly rootDisks?: boolean;
}

export interface PoolListing {
  /** Custom ones. */
  readonly volumes: readonly Volume[];
  readonly snapshots: readonly VolumeSnapshot[];
  /** Of root disks: `volume` is the machine's name. */
  readonly rootSnapshots: readonly VolumeSnapshot[];
}

/** `/1.0/storage-pools/POOL/volumes/custom/NAME/snapshots` */
export class VolumeSnapshots {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Volumes of a pool and their snapshots, of every project: Incus lists both in one answer. */
  async list(pool: string, { rootDisks, ...options }: ListOptions = {}): Promise<PoolListing> {
    const path = apiPath`/1.0/storage-pools/${pool}/volumes`;
    const all = await this.#connection.transport.read<Volume[]>(
      rootDisks ? path : `${path}/custom`,
      { ...options, query: { recursion: 1, "all-projects": true } },
    );
    const custom = all.filter(({ type }) => type === "custom");
    const disks = all.filter(({ type }) => type === "container" || type === "virtual-machine");
    return {
      volumes: custom.filter(({ name }) => !name.includes("/")),
      snapshots: custom.flatMap((volume) => snapshotOf(pool, volume)),
      rootSnapshots: disks.flatMap((volume) => snapshotOf(pool, volume)),
    };
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

  /** Only while nothing that runs uses it. Its config stays as it is. */
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

/** Of an entry such as `data/snap0`; none for a volume itself. */
function snapshotOf(
  pool: string,
  { name: full, project, created_at, config: { size } }: Volume,
): VolumeSnapshot[] {
  const [volume, name] = full.split("/");
  return volume === undefined || name === undefined
    ? []
    : [{ pool, project, volume, name, created_at, ...(size === undefined ? {} : { size }) }];
}

function volumePath({ pool, volume }: VolumePlace): string {
  return apiPath`/1.0/storage-pools/${pool}/volumes/custom/${volume}`;
}

function snapshotPath(place: VolumePlace, name: string): string {
  return `${volumePath(place)}/snapshots/${encodeURIComponent(name)}`;
}

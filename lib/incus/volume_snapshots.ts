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

/** `/1.0/storage-pools/POOL/volumes/custom/NAME/snapshots` */
export class VolumeSnapshots {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Volumes of a pool and their snapshots, of every project: Incus lists both in one answer. */
  async list(
    pool: string,
    options: ReadOptions = {},
  ): Promise<{ volumes: Volume[]; snapshots: VolumeSnapshot[] }> {
    const all = await this.#connection.transport.read<Volume[]>(
      apiPath`/1.0/storage-pools/${pool}/volumes/custom`,
      { ...options, query: { recursion: 1, "all-projects": true } },
    );
    return {
      volumes: all.filter(({ name }) => !name.includes("/")),
      snapshots: all.flatMap(({ name: full, project, created_at }) => {
        const [volume, name] = full.split("/");
        return volume === undefined || name === undefined
          ? []
          : [{ pool, project, volume, name, created_at }];
      }),
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

function volumePath({ pool, volume }: VolumePlace): string {
  return apiPath`/1.0/storage-pools/${pool}/volumes/custom/${volume}`;
}

function snapshotPath(place: VolumePlace, name: string): string {
  return `${volumePath(place)}/snapshots/${encodeURIComponent(name)}`;
}

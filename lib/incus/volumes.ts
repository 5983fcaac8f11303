import {
  type Connection,
  orMissing,
  type ProjectScope,
  type ReadOptions,
  scopeQuery,
  type WriteOptions,
} from "./collection.ts";
import type { RunOptions } from "./operations.ts";
import { apiPath } from "./path.ts";
import type { Tagged } from "./transport.ts";
import type { Volume, VolumePut, VolumesPost } from "./wire/storage.ts";

/** `/1.0/storage-pools/POOL/volumes/custom` */
export class Volumes {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /**
   * Returns the custom volumes of a pool without their snapshots. Incus 6.0 lists snapshots among
   * the volumes, as `data/snap0`.
   */
  async list(
    pool: string,
    scope: ProjectScope = { allProjects: true },
    options: ReadOptions = {},
  ): Promise<Volume[]> {
    const all = await this.#connection.transport.read<Volume[]>(
      apiPath`/1.0/storage-pools/${pool}/volumes/custom`,
      { ...options, query: { recursion: 1, ...scopeQuery(scope) } },
    );
    return all.filter(({ name }) => !name.includes("/"));
  }

  get(
    pool: string,
    project: string,
    name: string,
    options: ReadOptions = {},
  ): Promise<Tagged<Volume>> {
    const query = { project };
    return this.#connection.transport.readTagged(volumePath(pool, name), { ...options, query });
  }

  async create(
    pool: string,
    project: string,
    body: VolumesPost,
    options: ReadOptions = {},
  ): Promise<void> {
    const isDone = async () => await orMissing(this.get(pool, project, body.name)) !== undefined;
    await this.#make(pool, project, { ...options, body, isDone });
  }

  /**
   * Replaces description and config. Incus accepts a smaller `size` without reporting the effect.
   */
  async update(
    pool: string,
    project: string,
    name: string,
    body: VolumePut,
    options: WriteOptions = {},
  ): Promise<void> {
    const query = { project };
    const path = volumePath(pool, name);
    await this.#connection.transport.request("PUT", path, { ...options, query, body });
  }

  /** Renames a volume. The devices of a stopped machine that uses it are updated too. */
  async rename(
    pool: string,
    project: string,
    name: string,
    newName: string,
    options: ReadOptions = {},
  ): Promise<void> {
    await this.#connection.operations.run("POST", volumePath(pool, name), {
      ...options,
      query: { project },
      body: { name: newName },
      isDone: async () => (await orMissing(this.get(pool, project, newName))) !== undefined,
    });
  }

  /**
   * Creates a second volume with the snapshots of the first. Its config comes only from the body.
   */
  async copy(
    from: { readonly pool: string; readonly project: string; readonly name: string },
    pool: string,
    project: string,
    body: VolumesPost,
    options: ReadOptions = {},
  ): Promise<void> {
    await this.#make(pool, project, {
      ...options,
      body: { ...body, source: { type: "copy", ...from } },
      // The volume does not show whether a copy succeeded.
      isDone: () => Promise.resolve(false),
    });
  }

  /** Deletes a volume with all its data. */
  async delete(
    pool: string,
    project: string,
    name: string,
    options: ReadOptions = {},
  ): Promise<void> {
    const query = { project };
    const path = volumePath(pool, name);
    await this.#connection.transport.request("DELETE", path, { ...options, query });
  }

  async #make(pool: string, project: string, options: RunOptions): Promise<void> {
    const path = apiPath`/1.0/storage-pools/${pool}/volumes/custom`;
    await this.#connection.operations.run("POST", path, { ...options, query: { project } });
  }
}

function volumePath(pool: string, name: string): string {
  return apiPath`/1.0/storage-pools/${pool}/volumes/custom/${name}`;
}

import { type Connection, orMissing, type ReadOptions } from "./collection.ts";
import type { OperationOptions, RunOptions } from "./operations.ts";
import { apiPath } from "./path.ts";
import { INSTANCE_BUSY, retryPassing } from "./retry.ts";
import type { Method } from "./transport.ts";
import type { ConfigMap } from "./wire/common.ts";
import type { InstanceSnapshot } from "./wire/instance.ts";
import type { SnapshotsPost } from "./wire/snapshot.ts";

/**
 * `/1.0/instances/NAME/snapshots`. They contain the root disk and the config, but not the custom
 * volumes.
 */
export class InstanceSnapshots {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  list(
    project: string,
    instance: string,
    options: ReadOptions = {},
  ): Promise<InstanceSnapshot[]> {
    const query = { project, recursion: 1 };
    const path = apiPath`/1.0/instances/${instance}/snapshots`;
    return this.#connection.transport.read(path, { ...options, query });
  }

  /** Returns a snapshot with its config; undefined if there is none of that name. */
  get(
    project: string,
    instance: string,
    name: string,
  ): Promise<{ readonly config: ConfigMap } | undefined> {
    const { transport } = this.#connection;
    return orMissing(transport.read(snapshotPath(instance, name), { query: { project } }));
  }

  async create(
    project: string,
    instance: string,
    body: SnapshotsPost,
    options: OperationOptions = {},
  ): Promise<void> {
    await this.#run("POST", apiPath`/1.0/instances/${instance}/snapshots`, {
      ...options,
      query: { project },
      body: { ...body, stateful: false },
      isDone: async () => await this.get(project, instance, body.name) !== undefined,
    });
  }

  async delete(
    project: string,
    instance: string,
    name: string,
    options: OperationOptions = {},
  ): Promise<void> {
    await this.#run("DELETE", snapshotPath(instance, name), {
      ...options,
      query: { project },
      isDone: async () => await this.get(project, instance, name) === undefined,
    });
  }

  /**
   * Restores disk, config, devices and `user.*`. A running machine runs again at once, before
   * anyone can check the restored data: stop it first.
   */
  async restore(
    project: string,
    instance: string,
    name: string,
    options: OperationOptions = {},
  ): Promise<void> {
    await this.#run("PUT", apiPath`/1.0/instances/${instance}`, {
      ...options,
      query: { project },
      body: { restore: name },
      // The instance does not show whether a restore succeeded.
      isDone: () => Promise.resolve(false),
    });
  }

  async #run(method: Method, path: string, options: RunOptions): Promise<void> {
    const { operations } = this.#connection;
    await retryPassing(
      INSTANCE_BUSY,
      () => operations.run(method, path, options),
      options.signal,
    );
  }
}

function snapshotPath(instance: string, name: string): string {
  return apiPath`/1.0/instances/${instance}/snapshots/${name}`;
}

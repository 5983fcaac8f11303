import {
  type Connection,
  type ProjectScope,
  type ReadOptions,
  scopeQuery,
  type WriteOptions,
} from "./collection.ts";
import { apiPath } from "./path.ts";
import type { Tagged } from "./transport.ts";
import type { IncusProfile, ProfilePut, ProfilesPost } from "./wire/profile.ts";

/** `/1.0/profiles` */
export class Profiles {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  list(
    scope: ProjectScope = { allProjects: true },
    options: ReadOptions = {},
  ): Promise<IncusProfile[]> {
    const query = { recursion: 1, ...scopeQuery(scope) };
    return this.#connection.transport.read("/1.0/profiles", { ...options, query });
  }

  get(project: string, name: string, options: ReadOptions = {}): Promise<Tagged<IncusProfile>> {
    const query = { project };
    const path = apiPath`/1.0/profiles/${name}`;
    return this.#connection.transport.readTagged(path, { ...options, query });
  }

  async create(project: string, body: ProfilesPost, options: ReadOptions = {}): Promise<void> {
    const query = { project };
    await this.#connection.transport.request("POST", "/1.0/profiles", { ...options, query, body });
  }

  /**
   * Replaces the whole profile, with an effect on the machines that use it. `default` always
   * exists, so it is updated and never created.
   */
  async update(
    project: string,
    name: string,
    body: ProfilePut,
    options: WriteOptions = {},
  ): Promise<void> {
    const query = { project };
    const path = apiPath`/1.0/profiles/${name}`;
    await this.#connection.transport.request("PUT", path, { ...options, query, body });
  }

  async delete(project: string, name: string, options: ReadOptions = {}): Promise<void> {
    const query = { project };
    const path = apiPath`/1.0/profiles/${name}`;
    await this.#connection.transport.request("DELETE", path, { ...options, query });
  }
}

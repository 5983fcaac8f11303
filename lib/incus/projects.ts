import type { Connection, ReadOptions, WriteOptions } from "./collection.ts";
import { apiPath } from "./path.ts";
import type { Tagged } from "./transport.ts";
import type { Project, ProjectPut, ProjectsPost } from "./wire/project.ts";

/** `/1.0/projects` */
export class Projects {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  list(options: ReadOptions = {}): Promise<Project[]> {
    return this.#connection.transport.read("/1.0/projects", {
      ...options,
      query: { recursion: 1 },
    });
  }

  get(name: string, options: ReadOptions = {}): Promise<Tagged<Project>> {
    return this.#connection.transport.readTagged(apiPath`/1.0/projects/${name}`, options);
  }

  async create(body: ProjectsPost, options: ReadOptions = {}): Promise<void> {
    await this.#connection.transport.request("POST", "/1.0/projects", { ...options, body });
  }

  /**
   * Replaces the whole description and config. Incus refuses a PATCH once the project contains
   * anything.
   */
  async update(name: string, body: ProjectPut, options: WriteOptions = {}): Promise<void> {
    await this.#connection.transport.request("PUT", apiPath`/1.0/projects/${name}`, {
      ...options,
      body,
    });
  }

  /** Deletes an empty project. Never use `force`: it destroys running and protected machines. */
  async delete(name: string, options: ReadOptions = {}): Promise<void> {
    await this.#connection.transport.request("DELETE", apiPath`/1.0/projects/${name}`, options);
  }
}

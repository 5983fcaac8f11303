import type { Connection, ReadOptions } from "./collection.ts";
import type { Resources, Server } from "./wire/server.ts";

/** Information about the daemon and the hardware it runs on. */
export class ServerInfo {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  get(options: ReadOptions = {}): Promise<Server> {
    return this.#connection.transport.read("/1.0", options);
  }

  /** Returns memory, CPUs and GPUs of the host. */
  resources(options: ReadOptions = {}): Promise<Resources> {
    return this.#connection.transport.read("/1.0/resources", options);
  }
}

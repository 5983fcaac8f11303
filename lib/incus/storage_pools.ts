import type { Connection, ReadOptions } from "./collection.ts";
import { apiPath } from "./path.ts";
import type { Tagged } from "./transport.ts";
import type { StoragePool, StoragePoolResources } from "./wire/storage.ts";

/** `/1.0/storage-pools`. anklume uses pools but never creates one. */
export class StoragePools {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  list(options: ReadOptions = {}): Promise<StoragePool[]> {
    const query = { recursion: 1 };
    return this.#connection.transport.read("/1.0/storage-pools", { ...options, query });
  }

  get(name: string, options: ReadOptions = {}): Promise<Tagged<StoragePool>> {
    return this.#connection.transport.readTagged(apiPath`/1.0/storage-pools/${name}`, options);
  }

  /** Returns the used and total space. */
  resources(name: string, options: ReadOptions = {}): Promise<StoragePoolResources> {
    return this.#connection.transport.read(apiPath`/1.0/storage-pools/${name}/resources`, options);
  }
}

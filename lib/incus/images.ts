import { type Connection, orMissing, type ReadOptions } from "./collection.ts";
import { apiPath } from "./path.ts";
import type { Image, ImageAlias } from "./wire/image.ts";

/** `/1.0/images` of the default project, which domains share (`features.images=false`). */
export class Images {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Each with its aliases and its fingerprint. */
  list(options: ReadOptions = {}): Promise<Image[]> {
    return this.#connection.transport.read("/1.0/images", { ...options, query: { recursion: 1 } });
  }

  /** By fingerprint, or by so much of its start as is unique. */
  get(fingerprint: string, options: ReadOptions = {}): Promise<Image | undefined> {
    const path = apiPath`/1.0/images/${fingerprint}`;
    return orMissing(this.#connection.transport.read<Image>(path, options));
  }

  /** `debian/13` is one alias, slash and all. */
  alias(name: string, options: ReadOptions = {}): Promise<ImageAlias | undefined> {
    const path = apiPath`/1.0/images/aliases/${name}`;
    return orMissing(this.#connection.transport.read<ImageAlias>(path, options));
  }
}

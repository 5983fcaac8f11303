import { type Connection, orMissing, type ReadOptions } from "./collection.ts";
import { apiPath } from "./path.ts";
import type { Image, ImageAlias } from "./wire/image.ts";

/**
 * `/1.0/images` of the default project. All domains share these images (`features.images=false`).
 */
export class Images {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Returns the images with their aliases and fingerprints. */
  list(options: ReadOptions = {}): Promise<Image[]> {
    return this.#connection.transport.read("/1.0/images", { ...options, query: { recursion: 1 } });
  }

  /** Returns an image by its fingerprint or by a unique prefix of it. */
  get(fingerprint: string, options: ReadOptions = {}): Promise<Image | undefined> {
    const path = apiPath`/1.0/images/${fingerprint}`;
    return orMissing(this.#connection.transport.read<Image>(path, options));
  }

  /** Returns an alias. `debian/13` is one alias, including the slash. */
  alias(name: string, options: ReadOptions = {}): Promise<ImageAlias | undefined> {
    const path = apiPath`/1.0/images/aliases/${name}`;
    return orMissing(this.#connection.transport.read<ImageAlias>(path, options));
  }
}

import type { Connection, ReadOptions, WriteOptions } from "./collection.ts";
import { apiPath } from "./path.ts";
import { BRIDGE_CHILD_GONE, NAME_SERVER_NOT_GONE, retryPassing } from "./retry.ts";
import type { Tagged } from "./transport.ts";
import type {
  Network,
  NetworkLease,
  NetworkPut,
  NetworksPost,
  NetworkState,
} from "./wire/network.ts";

/** True if the live network has the values that were to be written. */
function isWritten(body: NetworkPut, live: Network): boolean {
  const keys = new Set([...Object.keys(body.config), ...Object.keys(live.config)]);
  return body.description === live.description &&
    [...keys].every((key) => key.startsWith("volatile.") || body.config[key] === live.config[key]);
}

/**
 * `/1.0/networks`. Bridges belong to the host, so these are always the networks of the default
 * project.
 */
export class Networks {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Includes the host's own interfaces, with `managed: false`. */
  list(options: ReadOptions = {}): Promise<Network[]> {
    return this.#connection.transport.read("/1.0/networks", {
      ...options,
      query: { recursion: 1 },
    });
  }

  get(name: string, options: ReadOptions = {}): Promise<Tagged<Network>> {
    return this.#connection.transport.readTagged(apiPath`/1.0/networks/${name}`, options);
  }

  /**
   * Returns the addresses of the host that Incus forwards to machines on a bridge
   * (`incus network forward`).
   */
  async forwards(name: string, options: ReadOptions = {}): Promise<string[]> {
    const path = apiPath`/1.0/networks/${name}/forwards`;
    const found = await this.#connection.transport.read<
      { readonly listen_address: string }[] | null
    >(
      path,
      { ...options, query: { recursion: 1 } },
    );
    return (found ?? []).map(({ listen_address: address }) => address);
  }

  /**
   * Creates a network. It takes half a second, and Incus creates networks one after another even if
   * it gets several requests at once.
   */
  async create(body: NetworksPost, options: ReadOptions = {}): Promise<void> {
    const request = { ...options, body };
    await retryPassing(
      BRIDGE_CHILD_GONE,
      () => this.#connection.transport.request("POST", "/1.0/networks", request),
      options.signal,
    );
  }

  /**
   * Updates a network. A temporary refusal may leave the new configuration written, and then the
   * ETag is new: the next attempt uses it.
   */
  async update(name: string, body: NetworkPut, options: WriteOptions = {}): Promise<void> {
    let etag = options.etag;
    const put = () =>
      this.#connection.transport.request("PUT", apiPath`/1.0/networks/${name}`, {
        ...options,
        body,
        etag,
      });
    const putAgain = async () => {
      try {
        await put();
      } catch (error) {
        const live = await this.get(name, options).catch(() => undefined);
        if (live !== undefined && etag !== undefined && isWritten(body, live.value)) {
          etag = live.etag;
        }
        throw error;
      }
    };
    await retryPassing(
      NAME_SERVER_NOT_GONE,
      () => retryPassing(BRIDGE_CHILD_GONE, putAgain, options.signal),
      options.signal,
    );
  }

  async delete(name: string, options: ReadOptions = {}): Promise<void> {
    await retryPassing(
      BRIDGE_CHILD_GONE,
      () => this.#connection.transport.request("DELETE", apiPath`/1.0/networks/${name}`, options),
      options.signal,
    );
  }

  /** Returns the state of the interface in the kernel, also for unmanaged ones. */
  state(name: string, options: ReadOptions = {}): Promise<NetworkState> {
    return this.#connection.transport.read(apiPath`/1.0/networks/${name}/state`, options);
  }

  async leases(name: string, options: ReadOptions = {}): Promise<NetworkLease[]> {
    const path = apiPath`/1.0/networks/${name}/leases`;
    return (await this.#connection.transport.read<NetworkLease[] | null>(path, options)) ?? [];
  }
}

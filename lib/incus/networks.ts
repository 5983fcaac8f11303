import type { Connection, ReadOptions, WriteOptions } from "./collection.ts";
import { apiPath } from "./path.ts";
import { BRIDGE_CHILD_GONE, retryPassing } from "./retry.ts";
import type { Tagged } from "./transport.ts";
import type {
  Network,
  NetworkLease,
  NetworkPut,
  NetworksPost,
  NetworkState,
} from "./wire/network.ts";

/** `/1.0/networks`: bridges belong to the host, so always those of the default project. */
export class Networks {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Also the host's own interfaces, with `managed: false`. */
  list(options: ReadOptions = {}): Promise<Network[]> {
    return this.#connection.transport.read("/1.0/networks", {
      ...options,
      query: { recursion: 1 },
    });
  }

  get(name: string, options: ReadOptions = {}): Promise<Tagged<Network>> {
    return this.#connection.transport.readTagged(apiPath`/1.0/networks/${name}`, options);
  }

  /** Half a second each; Incus makes them one after another, however many are asked for. */
  async create(body: NetworksPost, options: ReadOptions = {}): Promise<void> {
    const request = { ...options, body };
    await retryPassing(
      BRIDGE_CHILD_GONE,
      () => this.#connection.transport.request("POST", "/1.0/networks", request),
      options.signal,
    );
  }

  async update(name: string, body: NetworkPut, options: WriteOptions = {}): Promise<void> {
    await this.#connection.transport.request("PUT", apiPath`/1.0/networks/${name}`, {
      ...options,
      body,
    });
  }

  async delete(name: string, options: ReadOptions = {}): Promise<void> {
    await retryPassing(
      BRIDGE_CHILD_GONE,
      () => this.#connection.transport.request("DELETE", apiPath`/1.0/networks/${name}`, options),
      options.signal,
    );
  }

  /** The interface as the kernel has it, also for unmanaged ones. */
  state(name: string, options: ReadOptions = {}): Promise<NetworkState> {
    return this.#connection.transport.read(apiPath`/1.0/networks/${name}/state`, options);
  }

  async leases(name: string, options: ReadOptions = {}): Promise<NetworkLease[]> {
    const path = apiPath`/1.0/networks/${name}/leases`;
    return (await this.#connection.transport.read<NetworkLease[] | null>(path, options)) ?? [];
  }
}

import type { Connection, ReadOptions, WriteOptions } from "./collection.ts";
import { IncusError } from "./incus_error.ts";
import { apiPath } from "./path.ts";
import type { Tagged } from "./transport.ts";
import type {
  Network,
  NetworkLease,
  NetworkPut,
  NetworksPost,
  NetworkState,
} from "./wire/network.ts";

/**
 * A bridge that is made while machines start meets interfaces that come and go: Incus gives up once and undoes what it
 * did ("Failed to delete bridge children interfaces: … veth… does not exist"). Asked again, it succeeds.
 */
const PASSING = /veth\w*.*(does not exist|no such|not found)|Cannot find device "?veth/i;
const CREATE_ATTEMPTS = 3;

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
    for (let attempt = 1;; attempt++) {
      try {
        await this.#connection.transport.request("POST", "/1.0/networks", { ...options, body });
        return;
      } catch (error) {
        const passing = error instanceof IncusError && PASSING.test(error.message);
        if (!passing || attempt === CREATE_ATTEMPTS) throw error;
      }
    }
  }

  async update(name: string, body: NetworkPut, options: WriteOptions = {}): Promise<void> {
    await this.#connection.transport.request("PUT", apiPath`/1.0/networks/${name}`, {
      ...options,
      body,
    });
  }

  async delete(name: string, options: ReadOptions = {}): Promise<void> {
    await this.#connection.transport.request("DELETE", apiPath`/1.0/networks/${name}`, options);
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

import type { Network } from "../incus/wire/network.ts";
import type { IncusClient } from "../incus/incus_client.ts";
import { readTemplates, type RuleTemplates } from "../nftables/template.ts";
import type { HostLimits, IncusState } from "../plan/actual_state.ts";
import { readActualState, type ReadWishes } from "../plan/read_actual_state.ts";
import { EarlyConnection } from "./early_connection.ts";
import { readHostLimits } from "./host_limits.ts";
import { isAdminContainer, outerHost } from "./host_side.ts";
import { readHostNetworks, type Surroundings } from "./host_networks.ts";

/**
 * What is read of the host whatever infra.yml says, asked for at once: the answers come while the files are read. Disposing
 * of it ends what is still under way, and the connection unless somebody took it.
 */
export class HostReading implements AsyncDisposable {
  readonly networks: Promise<readonly Network[]>;
  /** Complete only after `wish()`. */
  readonly state: Promise<IncusState>;
  readonly surroundings: Promise<Surroundings>;
  readonly limits: Promise<HostLimits>;
  readonly templates: Promise<RuleTemplates>;
  readonly #connection: EarlyConnection;
  readonly #wishes = Promise.withResolvers<ReadWishes>();

  /** Asks, and sees to it that the requests leave. */
  static async begin(interrupt: AbortSignal): Promise<HostReading> {
    const reading = new HostReading(interrupt);
    await reading.#connection.sent();
    return reading;
  }

  constructor(interrupt: AbortSignal) {
    this.#connection = new EarlyConnection(interrupt);
    const { incus, signal } = this.#connection;
    this.networks = incus.then((incus) => incus.networks.list({ signal }));
    this.state = incus.then((incus) =>
      readActualState(incus, this.#wishes.promise, { signal, networks: this.networks })
    );
    const [networks, limits] = [readHostNetworks(signal), readHostLimits(signal)];
    // In the admin container these are its own: the host's are asked for.
    const outer = incus.then((incus) =>
      isAdminContainer(incus) ? outerHost.look(signal) : undefined
    );
    this.surroundings = outer.then((seen) => seen ?? networks);
    this.limits = outer.then((seen) => seen?.limits ?? limits);
    this.templates = readTemplates();
    // Who waits for one of them is told; who ended before that does not care.
    const all = [this.networks, this.state, this.surroundings, this.limits, this.templates];
    for (const each of [...all, networks, limits]) each.catch(() => {});
  }

  /** What planning this infra needs besides. */
  wish(wishes: ReadWishes): void {
    this.#wishes.resolve(wishes);
  }

  /** The connection, which is the caller's to close from now on. */
  takeIncus(): Promise<IncusClient> {
    return this.#connection.take();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#wishes.resolve({});
    await this.#connection[Symbol.asyncDispose]();
  }
}

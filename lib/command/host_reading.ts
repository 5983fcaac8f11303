import { sleep } from "../host/clock.ts";
import { connectIncus, type IncusClient } from "../incus/incus_client.ts";
import type { Network } from "../incus/wire/network.ts";
import { readTemplates, type RuleTemplates } from "../nftables/template.ts";
import type { HostLimits, IncusState } from "../plan/actual_state.ts";
import { readActualState, type ReadWishes } from "../plan/read_actual_state.ts";
import { readHostLimits } from "./host_limits.ts";
import { isAdminContainer, outerHost } from "./host_side.ts";
import { readHostNetworks, type Surroundings } from "./host_networks.ts";
import { requestTimeout } from "./request_timeout.ts";

/** Milliseconds in which requests leave for a local socket. */
const SENDING_MS = 2;
/** Milliseconds in which a daemon that is well has answered the first of them. */
const CONNECTING_MS = 50;

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
  readonly #incus: Promise<IncusClient>;
  readonly #wishes = Promise.withResolvers<ReadWishes>();
  readonly #end = new AbortController();
  #taken = false;

  /**
   * Asks, and gives the requests the moment that they need to leave: what comes next keeps this thread busy. A daemon that
   * hangs is not waited for, since a mistake in infra.yml has to be told all the same.
   */
  static async begin(interrupt: AbortSignal): Promise<HostReading> {
    const reading = new HostReading(interrupt);
    const sent = reading.#incus.then(() => sleep(SENDING_MS), () => {});
    await Promise.race([sent, sleep(CONNECTING_MS)]);
    return reading;
  }

  constructor(interrupt: AbortSignal) {
    const signal = AbortSignal.any([interrupt, this.#end.signal]);
    this.#incus = connectIncus({ signal, timeoutMs: requestTimeout() });
    this.networks = this.#incus.then((incus) => incus.networks.list({ signal }));
    this.state = this.#incus.then((incus) =>
      readActualState(incus, this.#wishes.promise, { signal, networks: this.networks })
    );
    const [networks, limits] = [readHostNetworks(signal), readHostLimits(signal)];
    // In the admin container these are its own: the host's are asked for.
    const outer = this.#incus.then((incus) =>
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
  async takeIncus(): Promise<IncusClient> {
    const incus = await this.#incus;
    this.#taken = true;
    return incus;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#taken) return;
    this.#end.abort();
    this.#wishes.resolve({});
    const incus = await this.#incus.catch(() => undefined);
    await incus?.close();
  }
}

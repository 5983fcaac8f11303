import type { Network } from "../incus/wire/network.ts";
import type { IncusClient } from "../incus/incus_client.ts";
import { readTemplates, type RuleTemplates } from "../nftables/template.ts";
import type { HostLimits, IncusState } from "../plan/actual_state.ts";
import { readActualState, type ReadWishes } from "../plan/read_actual_state.ts";
import type { EarlyRequests } from "./early_requests.ts";
import { readHostLimits } from "./host_limits.ts";
import { isAdminContainer, outerHost } from "./host_side.ts";
import { readHostNetworks, type SeenNetworks } from "./host_networks.ts";

/**
 * Reads of the host that do not depend on infra.yml, all requested at once: the answers arrive
 * while the files are read.
 */
export class HostReading implements Disposable {
  readonly networks: Promise<readonly Network[]>;
  /** Complete only after `wish()`. */
  readonly state: Promise<IncusState>;
  readonly surroundings: Promise<SeenNetworks>;
  readonly limits: Promise<HostLimits>;
  readonly templates: RuleTemplates;
  readonly #start: EarlyRequests<readonly Network[]>;
  readonly #wishes = Promise.withResolvers<ReadWishes>();

  constructor(start: EarlyRequests<readonly Network[]>) {
    this.#start = start;
    const { incus, signal } = start;
    this.networks = start.answer;
    this.state = incus.then((incus) =>
      readActualState(incus, this.#wishes.promise, { signal, networks: this.networks })
    );
    const [networks, limits] = [readHostNetworks(signal), readHostLimits(signal)];
    // In an admin container these are its own networks and limits: the host is asked for its own.
    const outer = incus.then((incus) =>
      isAdminContainer(incus) ? outerHost.look(signal) : undefined
    );
    this.surroundings = outer.then((seen) => seen ?? networks);
    this.limits = outer.then((seen) => seen?.limits ?? limits);
    this.templates = readTemplates();
    // A caller that awaits one of them gets the error; the others are ignored.
    const all = [this.networks, this.state, this.surroundings, this.limits];
    for (const each of [...all, networks, limits]) each.catch(() => {});
  }

  /** Requests the details that planning this infra also needs. */
  wish(wishes: ReadWishes): void {
    this.#wishes.resolve(wishes);
  }

  /** Returns the connection; the caller must close it. */
  takeIncus(): Promise<IncusClient> {
    return this.#start.take();
  }

  [Symbol.dispose](): void {
    this.#wishes.resolve({});
  }
}

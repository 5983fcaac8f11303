import pLimit from "p-limit";
import { CONCURRENCY } from "../../apply/apply_plan.ts";
import { startInstance, stopInstance } from "../../apply/instance_io.ts";
import { findDead, SETTLE_MS } from "../../apply/started_machines.ts";
import { IncusError } from "../../incus/incus_error.ts";
import type { FoundMachine } from "../../live/find_machines.ts";
import type { Live } from "../../live/open_live.ts";
import { instanceAddr } from "../../resource/instance.ts";
import type { Session } from "../../session/session.ts";
import { hang } from "../../view/text.ts";
import { duration } from "../../view/number_text.ts";
import { paintedName } from "./painted_name.ts";

export interface PowerOptions {
  /** Pulls the plug instead of asking the machine to shut down. */
  readonly force?: true;
  /** Seconds in which a machine may shut down. */
  readonly timeout: number;
}

/**
 * Starts and stops machines side by side, and reports the result of each. A failure of one does not
 * stop the others.
 */
export class PowerRun {
  failed = false;
  readonly done: FoundMachine[] = [];
  readonly #live: Live;
  readonly #options: PowerOptions & { readonly watch: boolean };
  readonly #session: Session;
  readonly #limit = pLimit(CONCURRENCY);

  /** @param options `watch`: started machines are checked once more */
  constructor(live: Live, options: PowerOptions & { readonly watch: boolean }, session: Session) {
    this.#live = live;
    this.#options = options;
    this.#session = session;
  }

  /** @returns the machines that stopped */
  async stop(places: readonly FoundMachine[], word?: string): Promise<FoundMachine[]> {
    const { force, timeout } = this.#options;
    const graceS = force ? "none" : timeout;
    return await this.#each(
      places,
      "stop",
      word,
      ({ instance: { project, name, status } }) =>
        stopInstance(this.#context, instanceAddr(project, name), status, {
          graceS,
          pullsPlug: false,
        }),
    );
  }

  async start(places: readonly FoundMachine[], word: string): Promise<void> {
    const started = await this.#each(places, "start", word, ({ instance }) => {
      const addr = instanceAddr(instance.project, instance.name);
      const status = word === "restarted" ? "Stopped" : instance.status;
      return startInstance(this.#context, addr, status);
    });
    const addrs = started.map(({ instance }) => instanceAddr(instance.project, instance.name));
    const settle = this.#options.watch ? SETTLE_MS : 0;
    for (const { addr, why } of await findDead(this.#live.incus, addrs, settle)) {
      this.#fail(`Cannot keep ${addr.name} running: ${why}`);
    }
  }

  get #context() {
    const { incus, host: { cleanup } } = this.#live;
    return { incus, cleanup, progress: () => {} };
  }

  async #each(
    places: readonly FoundMachine[],
    verb: string,
    word: string | undefined,
    act: (place: FoundMachine) => Promise<void>,
  ): Promise<FoundMachine[]> {
    const { terminal, signal } = this.#session;
    const succeeded: FoundMachine[] = [];
    await Promise.all(places.map((place) =>
      this.#limit(async () => {
        if (signal.aborted) return;
        const began = performance.now();
        try {
          await act(place);
        } catch (error) {
          if (!(error instanceof IncusError)) throw error;
          this.#fail(`Cannot ${verb} ${place.machine.name}: ${refusal(verb, error)}`);
          return;
        }
        succeeded.push(place);
        if (word === undefined) return;
        this.done.push(place);
        const time = duration(performance.now() - began);
        terminal.out(`${paintedName(place, this.#session)} ${word} (${time})\n`);
      })
    ));
    return succeeded;
  }

  #fail(message: string): void {
    const { terminal, err } = this.#session;
    this.failed = true;
    terminal.err(`${hang(err.colors.red("anklume: "), `${message}.`, err.width)}\n`);
  }
}

function refusal(verb: string, error: IncusError): string {
  const words = `Incus answered ${error.status}: ${error.message}`;
  const slow = verb === "stop" && /shutdown|timed? ?out|deadline/i.test(error.message);
  return slow ? `${words}; --force powers it off, --timeout waits longer` : words;
}

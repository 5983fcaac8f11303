import { sleep } from "../host/clock.ts";
import { WorkspaceHold } from "../host/workspace_lock.ts";
import { connectIncus, type IncusClient } from "../incus/incus_client.ts";
import type { Network } from "../incus/wire/network.ts";
import {
  type Everything,
  readEverything,
  type SnapshotDetail,
} from "../snapshot/read_everything.ts";
import { requestTimeout } from "./request_timeout.ts";

/** Milliseconds in which requests leave for a local socket. */
const SENDING_MS = 1;
/** Milliseconds that are waited for that at the most: the workspace may be locked. */
const ASKING_MS = 50;

/** What is asked of the host before it is known whether the answer will be needed. */
type EarlyQuestion<Answer> = (incus: IncusClient, signal: AbortSignal) => Promise<Answer>;

/** What takes Incus the longest: it looks through all machines for each network. */
export function askNetworks(incus: IncusClient, signal: AbortSignal): Promise<readonly Network[]> {
  return incus.networks.list({ signal });
}

/** What the snapshot verbs read, whatever infra.yml says. */
export function askSnapshots(snapshots: SnapshotDetail): EarlyQuestion<Everything> {
  return (incus, signal) => readEverything(incus, { snapshots, signal });
}

export interface EarlyRequestsOptions {
  /** For who is going to change something: what a run that ends just now still does would be missing in the answer. */
  readonly locks?: true;
}

/**
 * A verb's first steps, taken before its own code is loaded and the files are read: both take about as long as Incus takes to
 * answer. Disposing of it gives the workspace back, ends what is still under way, and the connection unless somebody took it.
 */
export class EarlyRequests<Answer> implements AsyncDisposable {
  /** undefined: the verb only looks. Rejects with `LockedError`; nothing was asked then. */
  readonly hold: Promise<WorkspaceHold | undefined>;
  readonly incus: Promise<IncusClient>;
  readonly answer: Promise<Answer>;
  /** For what else is asked early. */
  readonly signal: AbortSignal;
  readonly #asked = Promise.withResolvers<void>();
  readonly #end = new AbortController();
  #taken = false;

  /**
   * Gives the requests the moment that they need to leave: what comes next keeps this thread busy. A daemon that hangs is not
   * waited for, since a mistake in infra.yml has to be told all the same.
   */
  static async begin<Answer>(
    question: EarlyQuestion<Answer>,
    interrupt: AbortSignal,
    options: EarlyRequestsOptions = {},
  ): Promise<EarlyRequests<Answer>> {
    const start = new EarlyRequests(question, interrupt, options);
    const sent = start.#asked.promise.then(() => sleep(SENDING_MS));
    await Promise.race([sent, start.incus.catch(() => {}), sleep(ASKING_MS)]);
    return start;
  }

  constructor(
    question: EarlyQuestion<Answer>,
    interrupt: AbortSignal,
    { locks }: EarlyRequestsOptions = {},
  ) {
    this.signal = AbortSignal.any([interrupt, this.#end.signal]);
    const { signal } = this;
    this.hold = locks ? WorkspaceHold.begin() : Promise.resolve(undefined);
    const answer = Promise.withResolvers<Answer>();
    const meanwhile = (incus: IncusClient) => {
      question(incus, signal).then(answer.resolve, answer.reject);
      this.#asked.resolve();
    };
    this.incus = this.hold.then(() =>
      connectIncus({ signal, timeoutMs: requestTimeout(), meanwhile })
    );
    this.answer = this.incus.then(() => answer.promise);
    // Who waits for one of them is told; who ended before that does not care.
    for (const each of [this.hold, this.incus, this.answer, answer.promise]) each.catch(() => {});
  }

  /** The connection, which is the caller's to close from now on. */
  async take(): Promise<IncusClient> {
    const incus = await this.incus;
    this.#taken = true;
    return incus;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const hold = await this.hold.catch(() => undefined);
    hold?.[Symbol.dispose]();
    if (this.#taken) return;
    this.#end.abort();
    const incus = await this.incus.catch(() => undefined);
    await incus?.close();
  }
}

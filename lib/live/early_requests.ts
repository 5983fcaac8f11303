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
/** Longest wait for that, in milliseconds: the workspace may be locked. */
const ASKING_MS = 50;

/** A request to the host that is sent before it is known whether the answer is needed. */
type EarlyQuestion<Answer> = (incus: IncusClient, signal: AbortSignal) => Promise<Answer>;

/**
 * Requests the networks, Incus's slowest answer: it looks through all machines for each network.
 */
export function askNetworks(incus: IncusClient, signal: AbortSignal): Promise<readonly Network[]> {
  return incus.networks.list({ signal });
}

/** Requests what the snapshot verbs read, independent of infra.yml. */
export function askSnapshots(snapshots: SnapshotDetail): EarlyQuestion<Everything> {
  return (incus, signal) => readEverything(incus, { snapshots, signal });
}

export interface EarlyRequestsOptions {
  /**
   * Locks the workspace first, for a verb that makes changes: otherwise the answer would lack the
   * last changes of a run that is just ending.
   */
  readonly locks?: true;
}

/**
 * The first steps of a verb, taken before its own code is loaded and the files are read: both take
 * about as long as Incus's answer. Disposal releases the workspace, aborts pending requests, and
 * closes the connection unless it was taken.
 */
export class EarlyRequests<Answer> implements AsyncDisposable {
  /** undefined: the verb only reads. Rejects with `LockedError`; no request was sent then. */
  readonly hold: Promise<WorkspaceHold | undefined>;
  readonly incus: Promise<IncusClient>;
  readonly answer: Promise<Answer>;
  /** The signal for other early requests. */
  readonly signal: AbortSignal;
  readonly #asked = Promise.withResolvers<void>();
  readonly #end = new AbortController();
  #taken = false;

  /**
   * Gives the requests the moment that they need to leave: the next steps keep this thread busy. It
   * does not wait for a daemon that hangs, since a mistake in infra.yml must be reported anyway.
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
    // A caller that awaits one of them gets the error; the others are ignored.
    for (const each of [this.hold, this.incus, this.answer, answer.promise]) each.catch(() => {});
  }

  /** Returns the connection; the caller must close it. */
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

import { sleep } from "../host/clock.ts";
import { connectIncus, type IncusClient } from "../incus/incus_client.ts";
import { requestTimeout } from "./request_timeout.ts";

/** Milliseconds in which requests leave for a local socket. */
const SENDING_MS = 2;
/** Milliseconds in which a daemon that is well has answered the first of them. */
const CONNECTING_MS = 50;

/**
 * A connection from before it is known whether anything will be asked over it. Disposing of it ends what is still under way, and
 * the connection unless somebody took it.
 */
export class EarlyConnection implements AsyncDisposable {
  readonly incus: Promise<IncusClient>;
  /** For what is asked early. */
  readonly signal: AbortSignal;
  readonly #end = new AbortController();
  #taken = false;

  constructor(interrupt: AbortSignal) {
    this.signal = AbortSignal.any([interrupt, this.#end.signal]);
    this.incus = connectIncus({ signal: this.signal, timeoutMs: requestTimeout() });
    // Who waits for it is told; who ended before that does not care.
    this.incus.catch(() => {});
  }

  /**
   * Gives the first requests the moment that they need to leave: what comes next keeps this thread busy. A daemon that hangs is
   * not waited for, since a mistake in infra.yml has to be told all the same.
   */
  async sent(): Promise<void> {
    const sent = this.incus.then(() => sleep(SENDING_MS), () => {});
    await Promise.race([sent, sleep(CONNECTING_MS)]);
  }

  /** The connection, which is the caller's to close from now on. */
  async take(): Promise<IncusClient> {
    const incus = await this.incus;
    this.#taken = true;
    return incus;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#taken) return;
    this.#end.abort();
    const incus = await this.incus.catch(() => undefined);
    await incus?.close();
  }
}

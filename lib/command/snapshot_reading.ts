import type { IncusClient } from "../incus/incus_client.ts";
import { type Everything, readEverything, type SnapshotDetail } from "../snapshot/inventory.ts";
import { EarlyConnection } from "./early_connection.ts";

/**
 * What the snapshot verbs read of the host whatever infra.yml says, asked for at once: the answers come while the files are read.
 * Who is going to change something locks the workspace before: what a run that ends just now still does would be missing.
 */
export class SnapshotReading implements AsyncDisposable {
  readonly snapshots: SnapshotDetail;
  readonly everything: Promise<Everything>;
  readonly #connection: EarlyConnection;

  /** Asks, and sees to it that the requests leave. */
  static async begin(interrupt: AbortSignal, snapshots: SnapshotDetail): Promise<SnapshotReading> {
    const reading = new SnapshotReading(interrupt, snapshots);
    await reading.#connection.sent();
    return reading;
  }

  private constructor(interrupt: AbortSignal, snapshots: SnapshotDetail) {
    this.snapshots = snapshots;
    this.#connection = new EarlyConnection(interrupt);
    const { incus, signal } = this.#connection;
    this.everything = incus.then((incus) => readEverything(incus, { snapshots, signal }));
    // Who waits for it is told; who ended before that does not care.
    this.everything.catch(() => {});
  }

  /** The connection, which is the caller's to close from now on. */
  takeIncus(): Promise<IncusClient> {
    return this.#connection.take();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection[Symbol.asyncDispose]();
  }
}

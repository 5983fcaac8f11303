/** What apply needs of `lib/nftables`; every function throws, in nft's words, when it did not succeed. */
export interface FirewallPort {
  /** Loads the rendered ruleset in one transaction, makes it come back at boot, and reads it back. */
  load(): Promise<void>;
  /** Reads the live tables and compares them with the rendered ones. */
  verify(): Promise<void>;
  /** Sets a bridge that was just made or changed to learn from no frame that passes the rules by, and reads that back. */
  settleBridge(name: string): Promise<void>;
  /** Removes the tables and what brings them back at boot. */
  remove(): Promise<void>;
}

/** Lets machines start only behind a firewall that was seen in place in this run. */
export class FirewallGate {
  readonly #port: FirewallPort;
  readonly #planned: boolean;
  #standing: Promise<void> | undefined;

  /** `planned`: loading it is a change of the plan, so it is not enough that it stood before. */
  constructor(port: FirewallPort, planned: boolean) {
    this.#port = port;
    this.#planned = planned;
  }

  async load(): Promise<void> {
    this.#standing = this.#port.load();
    await this.#standing;
  }

  async remove(): Promise<void> {
    await this.#port.remove();
  }

  async settleBridge(name: string): Promise<void> {
    await this.#port.settleBridge(name);
  }

  /** @throws Error when the firewall does not stand: nothing may be started */
  async check(): Promise<void> {
    if (this.#standing === undefined && this.#planned) {
      throw new Error("the firewall is not loaded: no machine is started");
    }
    this.#standing ??= this.#port.verify();
    try {
      await this.#standing;
    } catch (cause) {
      const words = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`the firewall does not stand, no machine is started: ${words}`, { cause });
    }
  }
}

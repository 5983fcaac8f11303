/** The functions of `lib/nftables` that apply uses. Each throws with nft's message if it fails. */
export interface FirewallPort {
  /**
   * Loads the rendered ruleset in one transaction, arranges that it is loaded at boot, and reads it
   * back.
   */
  load(): Promise<void>;
  /** Reads the live tables and compares them with the rendered ones. */
  verify(): Promise<void>;
  /**
   * Stops a bridge that was just created or changed from learning addresses from link-local frames,
   * which bypass the rules, and reads the setting back.
   */
  settleBridge(name: string): Promise<void>;
  /** Removes the tables and the files that load them at boot. */
  remove(): Promise<void>;
}

/** Lets machines start only after the firewall was seen in place in this run. */
export class FirewallGate {
  readonly #port: FirewallPort;
  readonly #planned: boolean;
  #standing: Promise<void> | undefined;

  /** `planned`: the plan loads the firewall, so a firewall that was there before is not enough. */
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

  /** @throws Error if the firewall is not in place: no machine may be started then */
  async check(): Promise<void> {
    if (this.#standing === undefined && this.#planned) {
      throw new Error("the firewall is not loaded: no machine is started");
    }
    this.#standing ??= this.#port.verify();
    try {
      await this.#standing;
    } catch (cause) {
      const words = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`the firewall is not as expected, no machine is started: ${words}`, {
        cause,
      });
    }
  }
}

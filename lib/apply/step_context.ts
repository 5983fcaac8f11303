import type { IncusClient } from "../incus/incus_client.ts";

/** What the steps of one change work with. */
export interface StepContext {
  readonly incus: IncusClient;
  /** Resolves when the firewall stands, in this run; throws otherwise. Awaited before every start of a machine. */
  readonly beforeStart: () => Promise<void>;
  readonly progress: (text: string) => void;
}

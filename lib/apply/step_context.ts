import type { IncusClient } from "../incus/incus_client.ts";
import type { ResourceAddr } from "../resource/address.ts";
import type { DesiredVolume } from "../resource/volume.ts";

/** What the steps of one change work with. */
export interface StepContext {
  readonly incus: IncusClient;
  /** Resolves when the firewall stands, in this run; throws otherwise. Awaited before every start of a machine. */
  readonly beforeStart: () => Promise<void>;
  /** The volume that is declared there. */
  readonly desiredVolume: (addr: ResourceAddr) => DesiredVolume | undefined;
  /** Takes away a port that a dead daemon left on the host; undefined: nobody can. */
  readonly removePort?: ((name: string) => Promise<void>) | undefined;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly progress: (text: string) => void;
}

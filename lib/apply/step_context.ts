import type { IncusClient } from "../incus/incus_client.ts";
import type { ResourceAddr } from "../resource/address.ts";
import type { BridgeLink } from "../resource/bridge_link.ts";
import type { DesiredVolume } from "../resource/volume.ts";

/** What Incus left on the host, and that it stumbles over itself. Where there is nothing of it: no matter. */
export interface HostCleanup {
  hasInterface(name: string): Promise<boolean>;
  /** A bridge, or a machine's port, that nobody uses; nothing where there is none. */
  removeInterface(name: string): Promise<void>;
  /**
   * The bridge's name server, where no daemon has it as a child any more; with `anyones` whosever child it is: of a bridge that Incus does
   * not know.
   */
  endNameServer(bridge: string, options?: { readonly anyones?: true }): Promise<void>;
  /**
   * Lets the process go on through which Incus speaks to a container, if something stopped it.
   * @param container as Incus calls it on the host: `web`, or `PROJECT_web` outside the default project
   * @returns whether there is one
   */
  wakeMonitor(container: string): Promise<boolean>;
}

/** Bridges as the host's kernel has them. */
export interface HostBridges {
  /** As it is now; undefined: nobody can look. */
  read(bridge: string): Promise<BridgeLink | undefined>;
  /** Makes an interface a port of a bridge. */
  plug(port: string, bridge: string): Promise<void>;
  /** Makes an interface nobody's port; a bridge may be one too. */
  unplug(port: string): Promise<void>;
}

/** What the steps of one change work with. */
export interface StepContext {
  readonly incus: IncusClient;
  /** Resolves when the firewall stands, in this run; throws otherwise. Awaited before every start of a machine. */
  readonly beforeStart: () => Promise<void>;
  /** The volume that is declared there. */
  readonly desiredVolume: (addr: ResourceAddr) => DesiredVolume | undefined;
  /** Awaited before a project is deleted: what is noted there may have to go elsewhere. */
  readonly beforeProjectGoes?: ((project: string) => Promise<void>) | undefined;
  /** undefined: nobody can. */
  readonly cleanup?: HostCleanup | undefined;
  /** undefined: out of reach. */
  readonly bridges?: HostBridges | undefined;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly progress: (text: string) => void;
}

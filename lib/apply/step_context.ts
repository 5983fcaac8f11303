import type { IncusClient } from "../incus/incus_client.ts";
import type { ResourceAddr } from "../resource/address.ts";
import type { BridgeLink } from "../resource/bridge_link.ts";
import type { DesiredVolume } from "../resource/volume.ts";

/**
 * Removes leftovers of Incus on the host that cause its later operations to fail. Missing leftovers
 * are no error.
 */
export interface HostCleanup {
  hasInterface(name: string): Promise<boolean>;
  /** Removes a bridge or a machine's port that nobody uses. Does nothing if there is none. */
  removeInterface(name: string): Promise<void>;
  /**
   * Ends the bridge's name server if it is no longer a child of a daemon. With `anyones` its parent
   * does not matter: for a bridge that Incus does not know.
   */
  endNameServer(bridge: string, options?: { readonly anyones?: true }): Promise<void>;
  /**
   * Continues the process through which Incus controls a container, if something paused it.
   * @param container its name on the host: `web`, or `PROJECT_web` outside of the default project
   * @returns true if there is such a process
   */
  wakeMonitor(container: string): Promise<boolean>;
}

/** The bridges in the host's kernel. */
export interface HostBridges {
  /** Reads the present state; undefined if it cannot be read. */
  read(bridge: string): Promise<BridgeLink | undefined>;
  /** Makes an interface a port of a bridge. */
  plug(port: string, bridge: string): Promise<void>;
  /** Removes an interface (or a bridge) from the bridge that it is a port of. */
  unplug(port: string): Promise<void>;
}

/** The tools for the steps of one change. */
export interface StepContext {
  readonly incus: IncusClient;
  /**
   * Resolves if the firewall is in place in this run; throws otherwise. Awaited before every start
   * of a machine.
   */
  readonly beforeStart: () => Promise<void>;
  /** Returns the declared volume at this address. */
  readonly desiredVolume: (addr: ResourceAddr) => DesiredVolume | undefined;
  /** Awaited before a project is deleted: notes on the project may have to be stored elsewhere. */
  readonly beforeProjectGoes?: ((project: string) => Promise<void>) | undefined;
  /** Undefined: cleaning up is not possible. */
  readonly cleanup?: HostCleanup | undefined;
  /** Undefined: the bridges cannot be reached. */
  readonly bridges?: HostBridges | undefined;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly progress: (text: string) => void;
}

import type { ConfigMap, DescribedConfig, DeviceMap } from "./common.ts";
import type { NetworkStateAddress } from "./network.ts";

type InstanceType = "container" | "virtual-machine";

/**
 * All fields that a PUT replaces. A field that is left out is emptied, and an empty `architecture`
 * is refused. To change one thing, change the value that was read and send it back.
 */
export interface InstancePut extends DescribedConfig {
  readonly architecture?: string;
  readonly devices: DeviceMap;
  readonly ephemeral?: boolean;
  readonly profiles: readonly string[] | null;
  readonly stateful?: boolean;
}

export type InstancePatch = Partial<InstancePut>;

export interface InstancesPost {
  readonly name: string;
  readonly type: InstanceType;
  readonly source: InstanceSource;
  readonly description?: string;
  readonly config?: ConfigMap;
  readonly devices?: DeviceMap;
  readonly profiles?: readonly string[];
  readonly ephemeral?: boolean;
  /** Start the instance in the same operation. */
  readonly start?: boolean;
}

/**
 * The source of a root disk. For an image of this daemon: `{ type: "image", alias }` or
 * `fingerprint`. For an image of a simplestreams remote:
 * `{ type: "image", mode: "pull", server, protocol: "simplestreams", alias }`.
 */
export interface InstanceSource {
  readonly type: "image" | "none" | "copy";
  readonly alias?: string;
  readonly fingerprint?: string;
  readonly mode?: "pull";
  readonly server?: string;
  readonly protocol?: "simplestreams" | "incus";
  /** The source instance, with a snapshot if needed: `web/snap0`. */
  readonly source?: string;
  /** The project of the source or of the image. */
  readonly project?: string;
}

export interface Instance extends DescribedConfig {
  readonly name: string;
  readonly project: string;
  readonly type: InstanceType;
  readonly architecture: string;
  readonly devices: DeviceMap;
  readonly ephemeral: boolean;
  readonly profiles: readonly string[] | null;
  readonly stateful: boolean;
  /** `Running`, `Stopped`, `Frozen`, `Error` … */
  readonly status: string;
  readonly status_code: number;
  readonly created_at: string;
  readonly last_used_at: string;
  readonly location: string;
  /** Profiles and the instance's own values, merged. */
  readonly expanded_config?: ConfigMap | null;
  readonly expanded_devices?: DeviceMap | null;
}

/** The answer with `recursion=2`. It takes twenty times as long as without state. */
export interface InstanceFull extends Instance {
  readonly state: InstanceState | null;
  readonly snapshots: readonly InstanceSnapshot[] | null;
}

export interface InstanceSnapshot {
  readonly name: string;
  readonly created_at: string;
  /** Incus's zero time means never. */
  readonly expires_at: string;
  readonly stateful: boolean;
  /** As at the time of the snapshot, with profiles merged in. */
  readonly expanded_devices?: DeviceMap | null;
  /** Bytes; -1 if the storage cannot tell. */
  readonly size?: number;
}

export interface InstanceState {
  readonly status: string;
  readonly status_code: number;
  /** The machine's first process, as the host numbers it; 0 if the machine is stopped. */
  readonly pid: number;
  readonly processes: number;
  readonly memory: { readonly usage: number; readonly usage_peak: number; readonly total: number };
  readonly disk:
    | Readonly<Record<string, { readonly usage: number; readonly total: number }>>
    | null;
  /** By the name of the interface inside the machine. */
  readonly network: Readonly<Record<string, InstanceStateNetwork>> | null;
}

interface InstanceStateNetwork {
  readonly addresses: readonly NetworkStateAddress[] | null;
  readonly hwaddr: string;
  /** The name of the other end on the host. */
  readonly host_name: string;
  readonly state: string;
  readonly type: string;
}

export interface InstanceStatePut {
  readonly action: "start" | "stop" | "restart" | "freeze" | "unfreeze";
  /** Seconds that a machine may take to shut down; -1 means no limit. */
  readonly timeout?: number;
  /** Stop at once, like a power cut. */
  readonly force?: boolean;
}

export interface InstanceRebuildPost {
  readonly source: InstanceSource;
}

export interface InstanceExecPost {
  readonly command: readonly string[];
  readonly environment?: ConfigMap;
  readonly user?: number;
  readonly group?: number;
  readonly cwd?: string;
  readonly interactive: boolean;
  readonly "wait-for-websocket": boolean;
  /** Size of the terminal if `interactive`. */
  readonly width?: number;
  readonly height?: number;
}

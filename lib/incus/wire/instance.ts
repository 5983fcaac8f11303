import type { ConfigMap, DescribedConfig, DeviceMap } from "./common.ts";
import type { NetworkStateAddress } from "./network.ts";

export type InstanceType = "container" | "virtual-machine";

/**
 * Everything a PUT replaces: a field left out is emptied, and an empty `architecture` is refused. To change one thing
 * send back what was read.
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
  /** Started in the same operation. */
  readonly start?: boolean;
}

/**
 * Where a root disk comes from. An image of this daemon: `{ type: "image", alias }` or `fingerprint`. One of a simplestreams
 * remote: `{ type: "image", mode: "pull", server, protocol: "simplestreams", alias }`.
 */
export interface InstanceSource {
  readonly type: "image" | "none" | "copy";
  readonly alias?: string;
  readonly fingerprint?: string;
  readonly mode?: "pull";
  readonly server?: string;
  readonly protocol?: "simplestreams" | "incus";
  /** Source instance, with its snapshot: `web/snap0`. */
  readonly source?: string;
  /** Project of the source, or of the image. */
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
  /** Profiles and own values merged. */
  readonly expanded_config?: ConfigMap | null;
  readonly expanded_devices?: DeviceMap | null;
}

/** `recursion=2`: twenty times slower than without state. */
export interface InstanceFull extends Instance {
  readonly state: InstanceState | null;
  readonly snapshots: readonly InstanceSnapshot[] | null;
}

export interface InstanceSnapshot {
  readonly name: string;
  readonly created_at: string;
  /** The zero time: never. */
  readonly expires_at: string;
  readonly stateful: boolean;
  /** Of then, profiles merged in. */
  readonly expanded_devices?: DeviceMap | null;
  /** Bytes; -1 where the storage does not tell. */
  readonly size?: number;
}

export interface InstanceState {
  readonly status: string;
  readonly status_code: number;
  /** Of the machine's first process, on the host; 0 when it is stopped. */
  readonly pid: number;
  readonly processes: number;
  readonly memory: { readonly usage: number; readonly usage_peak: number; readonly total: number };
  readonly disk:
    | Readonly<Record<string, { readonly usage: number; readonly total: number }>>
    | null;
  /** By the interface's name inside the machine. */
  readonly network: Readonly<Record<string, InstanceStateNetwork>> | null;
}

export interface InstanceStateNetwork {
  readonly addresses: readonly NetworkStateAddress[] | null;
  readonly hwaddr: string;
  /** The other end, on the host. */
  readonly host_name: string;
  readonly state: string;
  readonly type: string;
}

export interface InstanceStatePut {
  readonly action: "start" | "stop" | "restart" | "freeze" | "unfreeze";
  /** Seconds a machine may take to shut down; -1 waits for ever. */
  readonly timeout?: number;
  /** Pull the plug. */
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
  /** Of the terminal, where it is `interactive`. */
  readonly width?: number;
  readonly height?: number;
}

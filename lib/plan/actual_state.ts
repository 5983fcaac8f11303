import { formatAddr } from "../resource/address.ts";
import type { ActualResource } from "../resource/resource.ts";

/**
 * The host's state as Incus reports it, converted. It can be serialised as JSON: golden cases
 * contain one.
 */
export interface IncusState {
  readonly server: { readonly version: string; readonly vms: boolean };
  /** Resources of every project, owned by the infra or not. */
  readonly resources: readonly ActualResource[];
  readonly pools: readonly ActualPool[];
  /**
   * Images of the default project; undefined if they were not read because `infra.yml` names no
   * local image.
   */
  readonly images?: readonly ActualImage[];
  /** Undefined if it was not read. */
  readonly hardware?: Hardware;
}

export interface ActualPool {
  readonly name: string;
  readonly driver: string;
  /** Bytes; undefined if they were not read or Incus does not tell. */
  readonly free?: number;
}

export interface ActualImage {
  readonly fingerprint: string;
  readonly aliases: readonly string[];
  readonly type: string;
}

export interface Hardware {
  /** Bytes. */
  readonly memory: number;
  readonly gpus: readonly { readonly vendor: string; readonly driver: string }[];
}

/**
 * The result of comparing the live tables with the rendered ones. `unknown`: they could not be read
 * (not root).
 */
export interface ActualFirewall {
  readonly state: "in-place" | "missing" | "different" | "unknown";
  /** One line for each difference, for people. */
  readonly differences: readonly string[];
  /**
   * The rules with this name, loaded or for the next boot, belong to somebody else. They are
   * neither replaced nor removed.
   */
  readonly foreign?: true;
}

/**
 * Kernel limits that many containers can exhaust, as `sysctl -n` prints them; undefined if they
 * could not be read.
 */
export interface HostLimits {
  /** `fs.inotify.max_user_instances` */
  readonly inotifyInstances?: number;
  /** `kernel.keys.maxkeys` */
  readonly keys?: number;
}

/** The live state that a plan is computed from. */
export interface ActualState extends IncusState {
  readonly firewall: ActualFirewall;
  readonly limits?: HostLimits;
}

/** True if containers with a GPU need NVIDIA's runtime. */
export function hasNvidia(state: IncusState): boolean {
  return state.hardware?.gpus.some((gpu) => gpu.driver === "nvidia") ?? false;
}

/** Returns the resources by `formatAddr`. */
export function indexResources(state: IncusState): ReadonlyMap<string, ActualResource> {
  return new Map(state.resources.map((resource) => [formatAddr(resource.addr), resource]));
}

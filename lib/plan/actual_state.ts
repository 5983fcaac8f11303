import { formatAddr } from "../resource/address.ts";
import type { ActualResource } from "../resource/resource.ts";

/** What Incus answers about the host, converted. JSON-serialisable: golden cases hold one. */
export interface IncusState {
  readonly server: { readonly version: string; readonly vms: boolean };
  /** Of every project, owned by us or not. */
  readonly resources: readonly ActualResource[];
  readonly pools: readonly ActualPool[];
  /** Of the default project; undefined: not asked for, because `infra.yml` names no local image. */
  readonly images?: readonly ActualImage[];
  /** undefined: not asked for. */
  readonly hardware?: Hardware;
}

export interface ActualPool {
  readonly name: string;
  readonly driver: string;
  /** Bytes; undefined where not asked for or not told. */
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

/** How the live tables compare with the rendered ones. `unknown`: they could not be read (no root). */
export interface ActualFirewall {
  readonly state: "in-place" | "missing" | "different" | "unknown";
  /** One line each, for people. */
  readonly differences: readonly string[];
  /** The rules of this name are somebody else's, now or at the next boot: neither replaced nor removed. */
  readonly foreign?: true;
}

/** Kernel limits that many containers exhaust, as `sysctl -n` tells; undefined: not told. */
export interface HostLimits {
  /** `fs.inotify.max_user_instances` */
  readonly inotifyInstances?: number;
  /** `kernel.keys.maxkeys` */
  readonly keys?: number;
}

/** The live state that a plan is computed against. */
export interface ActualState extends IncusState {
  readonly firewall: ActualFirewall;
  readonly limits?: HostLimits;
}

/** Whether containers with a GPU need NVIDIA's runtime. */
export function hasNvidia(state: IncusState): boolean {
  return state.hardware?.gpus.some((gpu) => gpu.driver === "nvidia") ?? false;
}

/** By `formatAddr`. */
export function indexResources(state: IncusState): ReadonlyMap<string, ActualResource> {
  return new Map(state.resources.map((resource) => [formatAddr(resource.addr), resource]));
}

import type { DescribedConfig, ResourceUrl } from "./common.ts";

export type NetworkPut = DescribedConfig;

export interface NetworksPost extends NetworkPut {
  readonly name: string;
  /** `bridge` */
  readonly type: string;
}

export interface Network extends NetworksPost {
  /**
   * False for the host's own interfaces. They are listed too, as `physical`, `bridge`, `loopback`,
   * `unknown` …
   */
  readonly managed: boolean;
  readonly used_by: readonly ResourceUrl[] | null;
  /** `Created`, `Pending`, `Errored` … ; empty for unmanaged ones. */
  readonly status: string;
  readonly project?: string;
}

/** The state of the interface in the kernel. */
export interface NetworkState {
  readonly addresses: readonly NetworkStateAddress[] | null;
  readonly hwaddr: string;
  readonly mtu: number;
  /** `up` or `down` */
  readonly state: string;
  readonly type: string;
}

export interface NetworkStateAddress {
  readonly family: "inet" | "inet6";
  readonly address: string;
  /** Prefix length, as text. */
  readonly netmask: string;
  readonly scope: "global" | "link" | "local";
}

export interface NetworkLease {
  readonly hostname: string;
  readonly hwaddr: string;
  readonly address: string;
  readonly type: string;
  readonly project?: string;
}

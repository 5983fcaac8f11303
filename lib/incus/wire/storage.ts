import type { DescribedConfig, ResourceUrl } from "./common.ts";

export interface StoragePool extends DescribedConfig {
  readonly name: string;
  readonly driver: string;
  readonly status: string;
  readonly used_by: readonly ResourceUrl[] | null;
}

/** Bytes and inodes of a pool; zero if its driver cannot tell. */
export interface StoragePoolResources {
  readonly space: { readonly used: number; readonly total: number };
  readonly inodes: { readonly used: number; readonly total: number };
}

export type VolumePut = DescribedConfig;

export interface VolumesPost extends VolumePut {
  readonly name: string;
  readonly type?: "custom";
  readonly content_type?: "filesystem" | "block";
}

/** A custom volume, or the root disk of a machine. */
export interface Volume extends VolumePut {
  readonly name: string;
  /** `custom`, `container`, `virtual-machine`, `image` */
  readonly type: string;
  readonly content_type: "filesystem" | "block";
  readonly project: string;
  readonly created_at: string;
  readonly used_by: readonly ResourceUrl[] | null;
}

/** The answer with `recursion=2`. */
export interface VolumeFull extends Volume {
  /**
   * Present since Incus 7. Older versions list snapshots among the volumes, as `data/snap0`, with
   * any recursion.
   */
  readonly snapshots?: readonly VolumeSnapshotEntry[] | null;
}

/** A snapshot whose volume is known. */
export interface VolumeSnapshotEntry {
  /** `snap0`, or `data/snap0` (6.0, in a volume's own list). */
  readonly name: string;
  readonly created_at: string;
  readonly config: Readonly<Record<string, string>>;
}

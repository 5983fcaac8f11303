/** Incus's zero time: this one never expires. Left out, a snapshot takes over its parent's `snapshots.expiry`. */
export const NEVER = "0001-01-01T00:00:00Z";

/** Of an instance, where `stateful` is always false here, or of a custom volume. */
export interface SnapshotsPost {
  /** Without spaces and slashes. */
  readonly name: string;
  /** ISO 8601. */
  readonly expires_at: string;
}

/** A volume's snapshot, and where it is. */
export interface VolumeSnapshot {
  readonly pool: string;
  readonly project: string;
  readonly volume: string;
  readonly name: string;
  readonly created_at: string;
  /** That of its parent when it was taken. */
  readonly size?: string;
}

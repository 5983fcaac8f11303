/**
 * Incus's zero time: the snapshot never expires. Without this value, a snapshot gets its parent's
 * `snapshots.expiry`.
 */
export const NEVER = "0001-01-01T00:00:00Z";

/** A new snapshot of an instance (`stateful` is always false here) or of a custom volume. */
export interface SnapshotsPost {
  /** Must not contain spaces or slashes. */
  readonly name: string;
  /** ISO 8601. */
  readonly expires_at: string;
}

/** A volume's snapshot and its place. */
export interface VolumeSnapshot {
  readonly pool: string;
  readonly project: string;
  readonly volume: string;
  readonly name: string;
  readonly created_at: string;
  /** The size of the volume when the snapshot was taken. */
  readonly size?: string;
}

import type { VolumePlace } from "../incus/volume_snapshots.ts";
import type { Instance, InstanceFull, InstanceSnapshot } from "../incus/wire/instance.ts";

/** A machine of this infra that exists, with all that its snapshot has to hold. */
export interface LiveMachine {
  readonly project: string;
  readonly name: string;
  readonly domain: string;
  /** `Running`, `Stopped`, `Frozen` … */
  readonly status: string;
  readonly instance: Instance;
  /** `ephemeral: false`. */
  readonly protected: boolean;
  /** Custom volumes of this infra that are attached to it. */
  readonly volumes: readonly AttachedVolume[];
  readonly rootPool: string | undefined;
}

interface AttachedVolume extends VolumePlace {
  /** Name of the machine's device that attaches it. */
  readonly device: string;
}

export interface LivePool {
  readonly name: string;
  readonly driver: string;
  readonly config: Readonly<Record<string, string>>;
}

/** Returns the snapshots; empty if they were not requested. */
export function snapshotsOf(instance: Instance | InstanceFull): readonly InstanceSnapshot[] {
  return "snapshots" in instance ? instance.snapshots ?? [] : [];
}

/** Returns the volumes that its devices attach, also those that belong to another machine. */
export function disksOf({ project, devices }: Instance): AttachedVolume[] {
  return Object.entries(devices).flatMap(([name, device]) =>
    device.type === "disk" && device.pool !== undefined && device.source !== undefined &&
      device.path !== "/"
      ? [{ device: name, pool: device.pool, project, volume: device.source }]
      : []
  );
}

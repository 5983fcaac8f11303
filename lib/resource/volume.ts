import type { Volume, VolumePut, VolumesPost } from "../incus/wire/storage.ts";
import type { Machine, StorageVolume, StringMap } from "../infra/infra.ts";
import type { ResourceAddr } from "./address.ts";
import type { ActualBase, DesiredBase } from "./base.ts";
import { configDelta, configFields, mergeConfig } from "./delta.ts";
import type { FieldChange } from "./field.ts";
import { isMoveNote, MARK, type Owner } from "./mark.ts";
import { marksOf, readManaged } from "./managed.ts";
import { descriptionField } from "./project.ts";
import { scheduleConfig } from "./snapshot_schedule.ts";
import { optional } from "../diag/optional.ts";

/** A custom storage volume of one machine. */
export interface DesiredVolume extends DesiredBase {
  readonly kind: "volume";
  readonly machine: string;
}
export interface ActualVolume extends ActualBase {
  readonly kind: "volume";
}

export function volumeAddr(project: string, pool: string, name: string): ResourceAddr {
  return { kind: "volume", name, project, pool };
}

export function desiredVolume(
  machine: Machine,
  volume: StorageVolume,
  owner: Owner,
): DesiredVolume {
  const config: StringMap = {
    ...optional({ size: volume.size }),
    ...scheduleConfig(machine),
  };
  return {
    kind: "volume",
    addr: volumeAddr(machine.domain, volume.pool, volume.name),
    domain: machine.domain,
    range: volume.range,
    machine: machine.name,
    description: "",
    config: {
      ...config,
      ...marksOf(owner, machine.domain, config),
      [MARK.protected]: String(!machine.ephemeral),
    },
  };
}

export function actualVolume(wire: Volume, pool: string): ActualVolume {
  return {
    kind: "volume",
    addr: volumeAddr(wire.project, pool, wire.name),
    description: wire.description,
    config: wire.config,
    usedBy: wire.used_by ?? [],
    createdAt: wire.created_at,
  };
}

function delta(desired: DesiredVolume, actual: ActualVolume) {
  return configDelta(desired.config, actual.config, readManaged(actual.config), isMoveNote);
}

export function compareVolume(desired: DesiredVolume, actual: ActualVolume): FieldChange[] {
  return [
    ...descriptionField(desired, actual),
    ...configFields(delta(desired, actual), actual.config, () => "in-place"),
  ];
}

/** Body of `POST /1.0/storage-pools/POOL/volumes/custom`. */
export function volumeCreateBody(desired: DesiredVolume): VolumesPost {
  return {
    name: desired.addr.name,
    type: "custom",
    content_type: "filesystem",
    description: desired.description,
    config: desired.config,
  };
}

/** Body of `PUT /1.0/storage-pools/POOL/volumes/custom/NAME`. */
export function volumeUpdateBody(desired: DesiredVolume, actual: ActualVolume): VolumePut {
  return {
    description: desired.description,
    config: mergeConfig(actual.config, delta(desired, actual)),
  };
}

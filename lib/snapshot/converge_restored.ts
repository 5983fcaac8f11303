import type { VolumePlace } from "../incus/volume_snapshots.ts";
import type { Instance, InstancePut } from "../incus/wire/instance.ts";
import { type ActualInstance, actualInstance, type DesiredInstance } from "../resource/instance.ts";
import { hasHostsRoot, instanceUpdateBody } from "../resource/instance_compare.ts";
import { bearsOnIsolation } from "../resource/isolation.ts";
import { MARK, MARK_PREFIX } from "../resource/mark.ts";

/** Keys that describe the content of the root disk, so they are restored with it. */
const OF_THE_DISK: readonly string[] = [MARK.image, MARK.provisioned];
const UUID = "volatile.uuid";
const PROTECTION = "security.protection.delete";

/**
 * Returns the body to write on a machine that was just restored, before it starts. Incus restored
 * the old config and devices too, among them address, NICs and protection. What infra.yml declares
 * applies again. A machine that it no longer declares keeps the devices, the marks and all settings
 * that bear on isolation from before the restore.
 * @param volumes the machine's volumes
 */
export function convergedBody(
  restored: Instance,
  before: Instance,
  desired: DesiredInstance | undefined,
  volumes: readonly VolumePlace[],
): InstancePut {
  const { architecture, ephemeral, stateful } = restored;
  const actual = actualInstance(restored);
  const body = desired === undefined
    ? asBefore(actual, before)
    : instanceUpdateBody(desired, actual);
  const config: Record<string, string> = { ...body.config };
  // Its root would be the host's root. With the key, Incus gives it an idmap of its own.
  if (hasHostsRoot({ ...actual, status: "Stopped" })) config["security.privileged"] ??= "false";
  for (const key of OF_THE_DISK) setOrUnset(config, key, restored.config[key]);
  // A snapshot from before the first start has no UUID, and one that came with a copy has the
  // original's. Sets would take the machine for another one.
  if (before.config[UUID] !== undefined) config[UUID] = before.config[UUID];
  // A protection that was set by hand since the snapshot is kept.
  if (before.config[PROTECTION] !== undefined) config[PROTECTION] ??= before.config[PROTECTION];
  const devices = whereDisksAre(body.devices, before, volumes);
  // A profile that the machine never had may not exist yet.
  const had = new Set([...before.profiles ?? [], ...restored.profiles ?? []]);
  const profiles = (body.profiles ?? []).filter((name) => had.has(name));
  return { architecture, ephemeral, stateful, ...body, config, devices, profiles };
}

/**
 * Keeps a device as it was where its new target does not exist yet: a root disk in another pool, or
 * a volume that infra.yml now declares. A later apply moves or makes them. Incus refuses a device
 * whose target is missing.
 */
function whereDisksAre(
  devices: Instance["devices"],
  before: Instance,
  volumes: readonly VolumePlace[],
): Instance["devices"] {
  const pool = Object.values(before.devices).find(isRoot)?.pool;
  const stands = (device: Instance["devices"][string]) =>
    volumes.some((place) => place.pool === device.pool && place.volume === device.source);
  return Object.fromEntries(
    Object.entries(devices).flatMap(([name, device]) => {
      if (isRoot(device)) return [[name, pool === undefined ? device : { ...device, pool }]];
      if (!isVolume(device) || stands(device)) return [[name, device]];
      const asBefore = before.devices[name];
      return asBefore === undefined ? [] : [[name, asBefore]];
    }),
  );
}

function isVolume({ type, pool, source }: Instance["devices"][string]): boolean {
  return type === "disk" && pool !== undefined && source !== undefined;
}

function isRoot({ type, path }: Instance["devices"][string]): boolean {
  return type === "disk" && path === "/";
}

/** True if writing the body would change nothing. */
export function isConverged(restored: Instance, body: InstancePut): boolean {
  const { description, config, devices, profiles } = restored;
  return fingerprint({ description, config, devices, profiles }) ===
    fingerprint({
      description: body.description,
      config: body.config,
      devices: body.devices,
      profiles: body.profiles,
    });
}

function asBefore(actual: ActualInstance, before: Instance): InstancePut {
  const ours = ([key, value]: [string, string]) =>
    key.startsWith(MARK_PREFIX) || bearsOnIsolation(key, value);
  return {
    description: actual.description,
    config: {
      ...Object.fromEntries(Object.entries(actual.config).filter((each) => !ours(each))),
      ...Object.fromEntries(Object.entries(before.config).filter(ours)),
    },
    devices: before.devices,
    profiles: before.profiles,
  };
}

function setOrUnset(config: Record<string, string>, key: string, value: string | undefined): void {
  if (value === undefined) delete config[key];
  else config[key] = value;
}

/** Returns JSON with sorted keys. */
function fingerprint(value: unknown): string {
  return JSON.stringify(
    value,
    (_, part: unknown) =>
      typeof part === "object" && part !== null && !Array.isArray(part)
        ? Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => a < b ? -1 : 1))
        : part,
  );
}

import type { VolumePlace } from "../incus/volume_snapshots.ts";
import type { Instance, InstancePut } from "../incus/wire/instance.ts";
import { type ActualInstance, actualInstance, type DesiredInstance } from "../resource/instance.ts";
import { hasHostsRoot, instanceUpdateBody } from "../resource/instance_compare.ts";
import { bearsOnIsolation } from "../resource/isolation.ts";
import { MARK, MARK_PREFIX } from "../resource/mark.ts";

/** These tell what is on the root disk, so they go back with it. */
const OF_THE_DISK: readonly string[] = [MARK.image, MARK.provisioned];
const UUID = "volatile.uuid";
const PROTECTION = "security.protection.delete";

/**
 * What to write on a machine that was just restored, before it starts: Incus put back the config and devices of then, its
 * address, NICs and protection among them. What infra.yml declares comes into force again; a machine that it no longer
 * declares keeps what it had before the restore of devices, marks and whatever bears on isolation.
 * @param volumes those that it has
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
  // It would start as the host's root: with the key Incus gives it a map of its own.
  if (hasHostsRoot({ ...actual, status: "Stopped" })) config["security.privileged"] ??= "false";
  for (const key of OF_THE_DISK) setOrUnset(config, key, restored.config[key]);
  // One of before its first start has none, and one that came along with a copy is the original's: sets would take it for another.
  if (before.config[UUID] !== undefined) config[UUID] = before.config[UUID];
  // Who protected it by hand since then meant it.
  if (before.config[PROTECTION] !== undefined) config[PROTECTION] ??= before.config[PROTECTION];
  const devices = whereDisksAre(body.devices, before, volumes);
  // One that it never had may not stand yet either.
  const had = new Set([...before.profiles ?? [], ...restored.profiles ?? []]);
  const profiles = (body.profiles ?? []).filter((name) => had.has(name));
  return { architecture, ephemeral, stateful, ...body, config, devices, profiles };
}

/**
 * A root disk in another pool, a volume that infra.yml has come to declare: an apply moves and makes them. Until then a device stays
 * what it was, since Incus refuses one that leads to where nothing is.
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

/** Whether writing it would change anything. */
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

/** JSON whose keys are in order. */
function fingerprint(value: unknown): string {
  return JSON.stringify(
    value,
    (_, part: unknown) =>
      typeof part === "object" && part !== null && !Array.isArray(part)
        ? Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => a < b ? -1 : 1))
        : part,
  );
}

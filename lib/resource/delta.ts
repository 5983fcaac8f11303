import type { StringMap } from "../infra/infra.ts";
import { type Effect, type FieldChange, fieldChange } from "./field.ts";
import type { Managed } from "./mark.ts";
import { sameValue, shownValue } from "./value.ts";

export type Devices = Readonly<Record<string, StringMap>>;

/**
 * What to write so that a config becomes the desired one: key -> value, or `undefined` to unset. Comparing shows it,
 * merging applies it, so that what is shown and what is done cannot differ.
 */
export type ConfigDelta = ReadonlyMap<string, string | undefined>;

/**
 * Desired keys that differ, and live keys to unset: those anklume set before and those that are its own whoever set
 * them. Every other live key belongs to somebody else and stays.
 */
export function configDelta(
  desired: StringMap,
  actual: StringMap,
  managed: Managed,
  alwaysOurs: (key: string) => boolean,
): ConfigDelta {
  const delta = new Map<string, string | undefined>();
  for (const [key, value] of Object.entries(desired)) {
    if (!sameValue(key, actual[key], value)) delta.set(key, value === "" ? undefined : value);
  }
  for (const [key, value] of Object.entries(actual)) {
    if (Object.hasOwn(desired, key) || value === "") continue;
    if (managed.config.includes(key) || alwaysOurs(key)) delta.set(key, undefined);
  }
  return new Map([...delta].toSorted(([a], [b]) => compareText(a, b)));
}

/** The config with a delta applied. */
export function mergeConfig(actual: StringMap, delta: ConfigDelta): Record<string, string> {
  const merged: Record<string, string> = { ...actual };
  for (const [key, value] of delta) {
    if (value === undefined) delete merged[key];
    else merged[key] = value;
  }
  return merged;
}

export function configFields(
  delta: ConfigDelta,
  actual: StringMap,
  effect: (key: string) => Effect,
  breach: (key: string) => boolean = () => false,
): FieldChange[] {
  return [...delta].map(([key, after]) =>
    fieldChange(
      `config.${key}`,
      shownValue(key, actual[key] === "" ? undefined : actual[key]),
      shownValue(key, after),
      effect(key),
      breach(key),
    )
  );
}

/** Device -> its keys to write (`undefined`: unset that key), or `undefined` to remove the device. */
export type DeviceDelta = ReadonlyMap<string, ConfigDelta | undefined>;

/** NICs and proxies lead out of a machine: they are ours whoever made them. */
export function leadsOut(device: StringMap): boolean {
  return device.type === "nic" || device.type === "proxy";
}

/** Like `configDelta`, for devices; a device somebody else added stays unless it leads out. */
export function deviceDelta(desired: Devices, actual: Devices, managed: Managed): DeviceDelta {
  const delta = new Map<string, ConfigDelta | undefined>();
  for (const [name, device] of Object.entries(desired)) {
    const live = actual[name];
    // A device cannot change its type: what is there under that name is made anew.
    const keys = live === undefined || live.type !== device.type
      ? new Map(Object.entries(device))
      : deviceKeyDelta(device, live, managed.devices[name] ?? []);
    if (keys.size > 0) delta.set(name, keys);
  }
  for (const [name, device] of Object.entries(actual)) {
    if (Object.hasOwn(desired, name)) continue;
    if (Object.hasOwn(managed.devices, name) || leadsOut(device)) {
      delta.set(name, undefined);
    }
  }
  return new Map([...delta].toSorted(([a], [b]) => compareText(a, b)));
}

function deviceKeyDelta(
  desired: StringMap,
  actual: StringMap,
  managedKeys: readonly string[],
): ConfigDelta {
  return configDelta(
    desired,
    actual,
    { config: managedKeys, devices: {}, profiles: [] },
    // Whoever added a key to a NIC or proxy of ours could have opened a door with it.
    (key) => leadsOut(desired) && key !== "type",
  );
}

export function mergeDevices(actual: Devices, delta: DeviceDelta): Record<string, StringMap> {
  const merged: Record<string, StringMap> = { ...actual };
  for (const [name, keys] of delta) {
    if (keys === undefined) delete merged[name];
    else merged[name] = mergeConfig(keys.has("type") ? {} : actual[name] ?? {}, keys);
  }
  return merged;
}

export function deviceFields(
  delta: DeviceDelta,
  actual: Devices,
  managed: Managed,
  effect: (name: string) => Effect,
): FieldChange[] {
  return [...delta].flatMap(([name, keys]) => {
    const live = actual[name];
    const path = `devices.${name}`;
    if (keys === undefined) {
      const opens = live !== undefined && leadsOut(live) && !(name in managed.devices);
      return [fieldChange(path, shownDevice(live), undefined, effect(name), opens)];
    }
    if (live === undefined || keys.has("type")) {
      const after = shownDevice(Object.fromEntries([...keys].map(([k, v]) => [k, v ?? ""])));
      return [fieldChange(path, shownDevice(live), after, effect(name))];
    }
    return [...keys].map(([key, after]) =>
      fieldChange(
        `${path}.${key}`,
        live[key],
        after,
        effect(name),
        leadsOut(live) && opensDoor(key, after, managed.devices[name] ?? []),
      )
    );
  });
}

/** A filter or bridge of a NIC that differs, or a key that we never set; an address may just have been edited. */
function opensDoor(
  key: string,
  after: string | undefined,
  managedKeys: readonly string[],
): boolean {
  return key.startsWith("security.") || ["network", "nictype", "parent"].includes(key) ||
    (after === undefined && !managedKeys.includes(key));
}

/** `type=nic network=net-lab` */
export function shownDevice(device: StringMap | undefined): string | undefined {
  if (device === undefined) return undefined;
  const rest = Object.entries(device).filter(([key]) => key !== "type");
  return [
    `type=${device.type ?? "?"}`,
    ...rest.toSorted(([a], [b]) => compareText(a, b)).map(([key, value]) => `${key}=${value}`),
  ].join(" ");
}

/** By code unit: the same on every machine, whatever its locale. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

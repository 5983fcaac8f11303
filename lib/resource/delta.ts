import type { StringMap } from "../infra/infra.ts";
import { type Effect, type FieldChange, fieldChange } from "./field.ts";
import { strayDevice } from "./isolation.ts";
import { isTuning } from "./tuning.ts";
import type { Managed } from "./managed.ts";
import { isDeviceAsWritten } from "./seal.ts";
import { sameValue, shownValue } from "./value.ts";

export type Devices = Readonly<Record<string, StringMap>>;

/**
 * The changes that turn a config into the desired one: from key to value, or to `undefined` to
 * unset it. Comparing and writing use the same delta, so that the shown and the written changes
 * cannot differ.
 */
export type ConfigDelta = ReadonlyMap<string, string | undefined>;

/**
 * Returns the desired keys that differ and the live keys to unset: keys that anklume set before,
 * and keys that always belong to anklume. All other live keys belong to somebody else and stay.
 */
export function configDelta(
  desired: StringMap,
  actual: StringMap,
  managed: Managed,
  alwaysOurs: (key: string, value: string) => boolean,
): ConfigDelta {
  const delta = new Map<string, string | undefined>();
  for (const [key, value] of Object.entries(desired)) {
    if (!sameValue(key, actual[key], value)) delta.set(key, value === "" ? undefined : value);
  }
  for (const [key, value] of Object.entries(actual)) {
    if (Object.hasOwn(desired, key) || value === "") continue;
    if (managed.config.includes(key) || alwaysOurs(key, value)) delta.set(key, undefined);
  }
  return new Map([...delta].toSorted(([a], [b]) => compareText(a, b)));
}

/** Returns the config with a delta applied. */
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

/**
 * From device to the keys to write (`undefined`: unset the key), or to `undefined` to remove the
 * device.
 */
type DeviceDelta = ReadonlyMap<string, ConfigDelta | undefined>;

/** True for NICs and proxies: they connect a machine with the outside. */
export function leadsOut(device: StringMap): boolean {
  return device.type === "nic" || device.type === "proxy";
}

/**
 * Like `configDelta`, for devices. A device that somebody else added stays if it is known to open
 * nothing.
 */
export function deviceDelta(
  desired: Devices,
  actual: Devices,
  managed: Managed,
): DeviceDelta {
  const delta = new Map<string, ConfigDelta | undefined>();
  for (const [name, device] of Object.entries(desired)) {
    const live = actual[name];
    // A device cannot change its type, so an existing device of that name is created again.
    const keys = live === undefined || live.type !== device.type
      ? new Map(Object.entries(device))
      : deviceKeyDelta(name, device, live, managed.devices[name] ?? []);
    if (keys.size > 0) delta.set(name, keys);
  }
  for (const [name, device] of Object.entries(actual)) {
    if (Object.hasOwn(desired, name)) continue;
    if (Object.hasOwn(managed.devices, name) || isStray(name, device)) {
      delta.set(name, undefined);
    }
  }
  return new Map([...delta].toSorted(([a], [b]) => compareText(a, b)));
}

function isStray(name: string, device: StringMap): boolean {
  return strayDevice(name, device) !== undefined;
}

function deviceKeyDelta(
  name: string,
  desired: StringMap,
  actual: StringMap,
  managedKeys: readonly string[],
): ConfigDelta {
  return configDelta(
    desired,
    actual,
    { config: managedKeys, devices: {}, profiles: [] },
    // A key that somebody added to such a device may have opened access.
    (key) => key !== "type" && !isTuning(key) && isStray(name, actual),
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
    const written = live && isDeviceAsWritten(name, live, managed);
    const stray = live !== undefined && isStray(name, live);
    if (keys === undefined) {
      const opens = stray && (!(name in managed.devices) || written === false);
      return [fieldChange(path, shownDevice(live), undefined, effect(name), opens)];
    }
    if (live === undefined || keys.has("type")) {
      const after = shownDevice(Object.fromEntries([...keys].map(([k, v]) => [k, v ?? ""])));
      return [fieldChange(path, shownDevice(live), after, effect(name), stray && written !== true)];
    }
    return [...keys].map(([key, after]) =>
      fieldChange(
        `${path}.${key}`,
        shownValue(key, live[key]),
        shownValue(key, after),
        effect(name),
        stray && written !== true && opensDoor(key, after, live, managed.devices[name] ?? []),
      )
    );
  });
}

/**
 * True if a changed key of a device may open access. Keys that only tune the device do not. For a
 * NIC, the relevant keys are filters, the bridge, and keys that anklume never set: with another
 * address the firewall lets nothing through.
 */
function opensDoor(
  key: string,
  after: string | undefined,
  live: StringMap,
  managedKeys: readonly string[],
): boolean {
  if (isTuning(key)) return false;
  if (live.type !== "nic") return true;
  return key.startsWith("security.") || ["network", "nictype", "parent"].includes(key) ||
    (after === undefined && !managedKeys.includes(key));
}

/** Returns a device as text: `type=nic network=net-lab`. */
export function shownDevice(device: StringMap | undefined): string | undefined {
  if (device === undefined) return undefined;
  const rest = Object.entries(device).filter(([key]) => key !== "type");
  return [
    `type=${device.type ?? "?"}`,
    ...rest.toSorted(([a], [b]) => compareText(a, b)).map(([key, value]) =>
      `${key}=${shownValue(key, value)}`
    ),
  ].join(" ");
}

/** Compares by code unit: the order is the same for every locale. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

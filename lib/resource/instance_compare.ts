import type { InstancePut } from "../incus/wire/instance.ts";
import { ADMIN_DEVICES } from "./admin_devices.ts";
import {
  type ConfigDelta,
  configDelta,
  configFields,
  deviceDelta,
  deviceFields,
  mergeConfig,
  mergeDevices,
} from "./delta.ts";
import { type Effect, type FieldChange, fieldChange } from "./field.ts";
import type { ActualInstance, DesiredInstance } from "./instance.ts";
import { isForeignDoor, mayOpen } from "./isolation.ts";
import { isLiveKey } from "./live_key.ts";
import { isMoveNote, MARK } from "./mark.ts";
import { type Managed, readManaged } from "./managed.ts";
import { descriptionField } from "./project.ts";
import { parseBoolean } from "./value.ts";

/** Returns every difference between a machine's declaration and its live state. */
export function compareInstance(desired: DesiredInstance, actual: ActualInstance): FieldChange[] {
  const { config, devices } = deltas(desired, actual);
  const managed = readManaged(actual.config);
  const isDoor = (key: string) =>
    isForeignDoor(key, desired.config, actual.config, managed, desired.type);
  return [
    ...immutableFields(desired, actual),
    ...stateField(desired, actual),
    ...descriptionField(desired, actual),
    ...configFields(
      config,
      actual.config,
      (key) =>
        isDoor(key)
          ? untilRestart(actual)
          : whenNotLive(desired, actual, isLive(key, desired, actual)),
      isDoor,
    ),
    ...idmapField(desired, actual),
    ...(actual.deletedOnStop === true
      ? [fieldChange("deleted when it stops", "true", "false", "in-place")]
      : []),
    ...deviceFields(
      devices,
      actual.devices,
      managed,
      (name) => deviceEffect(desired, actual, name, devices.get(name)),
    ),
    ...profilesField(desired, actual),
  ].filter((field) => !(field.path === `config.${MARK.image}` && imageChanged(desired, actual)))
    .map((field) =>
      isMoveOfNic(field, desired, actual) || isProgramElsewhere(field, managed)
        ? { ...field, breach: false }
        : field
    );
}

/**
 * True if a key can be changed while the machine runs. The present value includes those of
 * profiles. The value that a profile provides after the machine's own key is removed is not looked
 * up.
 */
function isLive(key: string, desired: DesiredInstance, actual: ActualInstance): boolean {
  const { config, expandedConfig = config } = actual;
  const ofHugePages = parseBoolean(expandedConfig["limits.memory.hugepages"] ?? "") === true;
  if (key === "limits.memory" && ofHugePages) return false;
  return isLiveKey({ key, before: expandedConfig[key], after: desired.config[key] }, desired.type);
}

/**
 * An older anklume, installed at another path, gave the admin container its executable and stored
 * no seal. Root in this container is root on the host anyway, so another file in its place opens
 * nothing.
 */
function isProgramElsewhere({ path }: FieldChange, { seals }: Managed): boolean {
  return path === `devices.${ADMIN_DEVICES.binary}.source` && seals === undefined;
}

/**
 * True if a machine moves to another domain, or was just copied there and never ran. It then leaves
 * its bridge as intended.
 */
function isMoveOfNic(
  { path }: FieldChange,
  desired: DesiredInstance,
  actual: ActualInstance,
): boolean {
  return path === "devices.eth0.network" &&
    (desired.addr.project !== actual.addr.project ||
      (MARK.copied in actual.config && actual.status === "Stopped"));
}

/**
 * Body of `PUT /1.0/instances/NAME?project=P`, without the fields that the caller sends back
 * unchanged.
 */
export function instanceUpdateBody(
  desired: DesiredInstance,
  actual: ActualInstance,
): InstancePut {
  const { config, devices } = deltas(desired, actual);
  return {
    description: desired.description,
    config: mergeConfig(actual.config, config),
    devices: mergeDevices(actual.devices, devices),
    profiles: desired.profiles,
    ephemeral: false,
  };
}

function deltas(desired: DesiredInstance, actual: ActualInstance) {
  const managed = readManaged(actual.config);
  return {
    config: configDelta(
      desired.config,
      actual.config,
      managed,
      (key, value) =>
        mayOpen(key, value, desired.type) || isMoveNote(key) || isAsideNote(key, actual),
    ),
    devices: deviceDelta(desired.devices, actual.devices, managed),
  };
}

/**
 * True for a key that was set on a machine while it was kept aside. It is removed when the machine
 * gets its place back.
 */
function isAsideNote(key: string, { config }: ActualInstance): boolean {
  return MARK.aside in config && (key === MARK.aside || key === "boot.autostart");
}

/**
 * Returns differences of name and place, and differences that no update can make: these need a
 * rebuild or a new machine.
 */
function immutableFields(desired: DesiredInstance, actual: ActualInstance): FieldChange[] {
  const fields: FieldChange[] = [];
  const moving = whenNotLive(desired, actual, false);
  for (const key of ["project", "name"] as const) {
    if (desired.addr[key] === actual.addr[key]) continue;
    fields.push(fieldChange(key, actual.addr[key], desired.addr[key], moving));
  }
  if (desired.type !== actual.type) {
    fields.push(fieldChange("type", actual.type, desired.type, "data-lost"));
  }
  if (imageChanged(desired, actual)) {
    const before = actual.config[MARK.image];
    fields.push(fieldChange("image", before, desired.config[MARK.image], "rebuild"));
  }
  const snapshots = actual.snapshots?.join(", ") ?? "";
  const remade = fields.some(({ path }) => path === "type" || path === "image");
  if (remade && snapshots !== "" && !keepsSnapshots(desired, actual)) {
    fields.push(fieldChange("snapshots", snapshots, undefined, "data-lost"));
  }
  return fields;
}

/**
 * True if the snapshots stay with a new root disk: they do if it is copied over the old disk. This
 * does not work for a VM. It also does not work if Incus changed the owners of the files on the
 * disk itself (on a kernel without idmapped mounts), since the new disk's files have other owners.
 */
export function keepsSnapshots(desired: DesiredInstance, actual: ActualInstance): boolean {
  const shifted = actual.config["volatile.last_state.idmap"] ?? "[]";
  // A machine that is already kept aside is replaced as a whole.
  if (actual.config[MARK.aside] !== undefined) return false;
  return desired.type === "lxc" && actual.type === "lxc" && ["", "[]", "null"].includes(shifted);
}

/** A change of `image:` counts as a difference. An alias that now names a newer image does not. */
export function imageChanged(desired: DesiredInstance, actual: ActualInstance): boolean {
  const before = actual.config[MARK.image];
  return before !== undefined && before !== desired.config[MARK.image];
}

/** Returns the pool that the root disk must move to; undefined if it stays. */
export function newPool(desired: DesiredInstance, actual: ActualInstance): string | undefined {
  const before = rootPool(actual.devices);
  const after = rootPool(desired.devices);
  return before === undefined || before === after ? undefined : after;
}

/** Returns the pool of the disk on `/`. */
export function rootPool(devices: DesiredInstance["devices"]): string | undefined {
  return Object.values(devices).find((device) => device.type === "disk" && device.path === "/")
    ?.pool;
}

/** `state: manual` never changes the state of an existing machine. */
function stateField(desired: DesiredInstance, actual: ActualInstance): FieldChange[] {
  const running = actual.status === "Running";
  if (desired.state === "running" && !running) {
    return [fieldChange("state", actual.status.toLowerCase(), "running", "in-place")];
  }
  if (desired.state === "stopped" && actual.status !== "Stopped") {
    return [fieldChange("state", actual.status.toLowerCase(), "stopped", "restart")];
  }
  return [];
}

/** The effect of removing such a key: it ends when the machine restarts, not earlier. */
function untilRestart({ status }: ActualInstance): Effect {
  return status === "Stopped" ? "in-place" : "restart";
}

/**
 * Reports a container in which root is the host's root although no key says so. Incus accepts
 * `volatile.idmap.next` from anyone who sets it, and a container that was privileged at its start
 * stays so until it stops.
 */
function idmapField(desired: DesiredInstance, actual: ActualInstance): FieldChange[] {
  if (!hasHostsRoot(actual) || desired.type !== "lxc") return [];
  return [fieldChange(IDMAP, "none", "its own", untilRestart(actual), true)];
}

/** The path of the field that reports it. */
export const IDMAP = "idmap";

/**
 * True if a container that is not privileged has no id map, or will have none at its next start.
 */
export function hasHostsRoot(
  { type, config, expandedConfig = config, status }: ActualInstance,
): boolean {
  if (type !== "lxc" || parseBoolean(expandedConfig["security.privileged"] ?? "")) return false;
  const maps = [
    config["volatile.idmap.next"],
    ...(status === "Stopped" ? [] : [config["volatile.idmap.current"]]),
  ];
  return maps.some((map) => map !== undefined && /^(?:|\[\]|null)$/.test(map.trim()));
}

/**
 * Returns the effect of a change, depending on whether a running machine can take it over (`live`).
 */
function whenNotLive(desired: DesiredInstance, actual: ActualInstance, live: boolean): Effect {
  if (live || actual.status === "Stopped" || desired.state === "stopped") return "in-place";
  // Incus refuses the change while a VM runs.
  return desired.state === "running" || desired.type === "vm" ? "restart" : "next-start";
}

/**
 * A guest whose `eth0` changes has no network until it restarts. This is also true for
 * `state: manual`.
 */
function deviceEffect(
  desired: DesiredInstance,
  actual: ActualInstance,
  name: string,
  keys: ConfigDelta | undefined,
): Effect {
  const mustStop = name === "eth0" || remakesRoot(desired, actual, name, keys);
  if (mustStop && actual.status !== "Stopped" && desired.state !== "stopped") return "restart";
  return whenNotLive(
    desired,
    actual,
    desired.type === "lxc" && !changesDisk(desired, actual, name),
  );
}

/**
 * The keys of a disk that Incus changes while the machine runs. For any other key it removes the
 * disk and adds it again, and Incus 7.0 refuses that for a root disk.
 */
const LIVE_OF_DISK = /^(?:limits\.|size$|size\.state$|dependent$)/;

function remakesRoot(
  desired: DesiredInstance,
  actual: ActualInstance,
  name: string,
  keys: ConfigDelta | undefined,
): boolean {
  const isRoot = [desired, actual].some(({ devices }) => devices[name]?.path === "/");
  return isRoot && (keys === undefined || ![...keys.keys()].every((key) => LIVE_OF_DISK.test(key)));
}

/** True if a disk will come from another pool or volume. Nobody may use it while it moves. */
function changesDisk(desired: DesiredInstance, actual: ActualInstance, name: string): boolean {
  const [before, after] = [actual.devices[name], desired.devices[name]];
  if (before?.pool === undefined || after?.pool === undefined) return false;
  return before.pool !== after.pool || before.source !== after.source;
}

function profilesField(desired: DesiredInstance, actual: ActualInstance): FieldChange[] {
  const before = actual.profiles.join(", ");
  const after = desired.profiles.join(", ");
  if (before === after) return [];
  const known = [...desired.profiles, ...readManaged(actual.config).profiles];
  const foreign = actual.profiles.some((name) => !known.includes(name));
  return [
    fieldChange(
      "profiles",
      before,
      after,
      foreign ? untilRestart(actual) : whenNotLive(desired, actual, false),
      foreign,
    ),
  ];
}

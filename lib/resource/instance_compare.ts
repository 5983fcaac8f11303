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

/** Every difference between a machine as declared and as it is. */
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

/** Under a value of its own a machine has its profiles'; what it has once its own is gone is not looked up. */
function isLive(key: string, desired: DesiredInstance, actual: ActualInstance): boolean {
  const { config, expandedConfig = config } = actual;
  const ofHugePages = parseBoolean(expandedConfig["limits.memory.hugepages"] ?? "") === true;
  if (key === "limits.memory" && ofHugePages) return false;
  return isLiveKey({ key, before: expandedConfig[key], after: desired.config[key] }, desired.type);
}

/**
 * An older anklume gave the admin container its program, noted no seal, and stood somewhere else on the host. Whoever is root in there is
 * root on the host anyway, so that another file in its place opens nothing.
 */
function isProgramElsewhere({ path }: FieldChange, { seals }: Managed): boolean {
  return path === `devices.${ADMIN_DEVICES.binary}.source` && seals === undefined;
}

/** A machine that moves to another domain, or has just come from there and never ran, leaves its bridge because it is told to. */
function isMoveOfNic(
  { path }: FieldChange,
  desired: DesiredInstance,
  actual: ActualInstance,
): boolean {
  return path === "devices.eth0.network" &&
    (desired.addr.project !== actual.addr.project ||
      (MARK.copied in actual.config && actual.status === "Stopped"));
}

/** Body of `PUT /1.0/instances/NAME?project=P`, without what the caller sends back as it got it. */
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

/** What a machine was given when it stood aside; it goes when it takes its place again. */
function isAsideNote(key: string, { config }: ActualInstance): boolean {
  return MARK.aside in config && (key === MARK.aside || key === "boot.autostart");
}

/** Where it is called or kept otherwise, and what no update can change: then it is rebuilt, or made anew. */
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
 * Whether a new root disk leaves the snapshots: copied over the old one, it does. Not for a VM, nor where Incus shifted the
 * owners of the files on the disk itself (a kernel without mounts that shift them): a fresh disk has not been shifted.
 */
export function keepsSnapshots(desired: DesiredInstance, actual: ActualInstance): boolean {
  const shifted = actual.config["volatile.last_state.idmap"] ?? "[]";
  // One that stands aside already goes as a whole.
  if (actual.config[MARK.aside] !== undefined) return false;
  return desired.type === "lxc" && actual.type === "lxc" && ["", "[]", "null"].includes(shifted);
}

/** An alias that moved on is not drift; an edited `image:` is. */
function imageChanged(desired: DesiredInstance, actual: ActualInstance): boolean {
  const before = actual.config[MARK.image];
  return before !== undefined && before !== desired.config[MARK.image];
}

/** The pool its root disk is to move to; undefined: it stays where it is. */
export function newPool(desired: DesiredInstance, actual: ActualInstance): string | undefined {
  const before = rootPool(actual.devices);
  const after = rootPool(desired.devices);
  return before === undefined || before === after ? undefined : after;
}

/** Pool of the disk on `/`. */
export function rootPool(devices: DesiredInstance["devices"]): string | undefined {
  return Object.values(devices).find((device) => device.type === "disk" && device.path === "/")
    ?.pool;
}

/** `state: manual` leaves a machine that exists alone. */
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

/** The power that a door gave is gone when it starts anew, and not before, whoever is to start it. */
function untilRestart({ status }: ActualInstance): Effect {
  return status === "Stopped" ? "in-place" : "restart";
}

/**
 * A container whose root is the host's root, though no key says so: Incus takes over `volatile.idmap.next` from whoever sets it,
 * and one that was privileged when it started is so until it stops.
 */
function idmapField(desired: DesiredInstance, actual: ActualInstance): FieldChange[] {
  if (!hasHostsRoot(actual) || desired.type !== "lxc") return [];
  return [fieldChange(IDMAP, "none", "its own", untilRestart(actual), true)];
}

/** Path of the field that tells of it. */
export const IDMAP = "idmap";

/** Whether a container that is not privileged maps no ids, or will not when it starts. */
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

/** When a change that a running machine cannot take over comes into force. */
function whenNotLive(desired: DesiredInstance, actual: ActualInstance, live: boolean): Effect {
  if (live || actual.status === "Stopped" || desired.state === "stopped") return "in-place";
  // Incus refuses the change while a VM runs.
  return desired.state === "running" || desired.type === "vm" ? "restart" : "next-start";
}

/** A guest whose `eth0` changes is cut off until it starts again, also one whose state is the user's business. */
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

/** What Incus changes of a disk under a running machine. For any other key it takes the disk out and puts it back, which 7.0 refuses of a root. */
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

/** A disk that is to come from another pool or volume: nobody may use it while it moves. */
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

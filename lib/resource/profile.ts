import type {
  IncusProfile as WireProfile,
  ProfilePut,
  ProfilesPost,
} from "../incus/wire/profile.ts";
import type { Domain, Profile } from "../infra/infra.ts";
import type { ResourceAddr } from "./address.ts";
import type { ActualBase, DesiredBase } from "./base.ts";
import {
  configDelta,
  configFields,
  deviceDelta,
  deviceFields,
  type Devices,
  mergeConfig,
  mergeDevices,
} from "./delta.ts";
import type { FieldChange } from "./field.ts";
import { isForeignDoor, isSealed, mayOpen } from "./isolation.ts";
import { isLiveKey } from "./live_key.ts";
import { bornAt, MARK, MARK_PREFIX, type Owner } from "./mark.ts";
import { marksOf, readManaged } from "./managed.ts";
import { descriptionField } from "./project.ts";

/**
 * A profile of a domain. Incus creates `default`, empty, with the project. It belongs to the infra
 * if the project does.
 */
export interface DesiredProfile extends DesiredBase {
  readonly kind: "profile";
  readonly devices: Devices;
  /**
   * True for a `default` profile that `infra.yml` does not declare: nothing is written to it, but
   * openings in it are closed.
   */
  readonly implicit: boolean;
}
export interface ActualProfile extends ActualBase {
  readonly kind: "profile";
  readonly devices: Devices;
}

export function profileAddr(project: string, name: string): ResourceAddr {
  return { kind: "profile", name, project };
}

/** Returns the declared profiles of a domain, and `default` if it is not declared. */
export function desiredProfiles(domain: Domain, owner: Owner): DesiredProfile[] {
  const declared = domain.profiles.map((profile) => fromProfile(domain, profile, owner, false));
  if (domain.profiles.some((profile) => profile.name === "default")) return declared;
  const empty = {
    name: "default",
    description: "",
    config: {},
    devices: {},
    range: domain.range,
  };
  return [fromProfile(domain, empty, owner, true), ...declared];
}

function fromProfile(
  domain: Domain,
  profile: Profile,
  owner: Owner,
  implicit: boolean,
): DesiredProfile {
  return {
    kind: "profile",
    addr: profileAddr(domain.name, profile.name),
    domain: domain.name,
    range: profile.range,
    description: profile.description,
    config: {
      ...profile.config,
      ...marksOf(owner, domain.name, profile.config, profile.devices, [], isSealed),
    },
    devices: profile.devices,
    implicit,
  };
}

export function actualProfile(wire: WireProfile): ActualProfile {
  return {
    kind: "profile",
    addr: profileAddr(wire.project, wire.name),
    description: wire.description,
    config: wire.config,
    devices: wire.devices,
    usedBy: wire.used_by ?? [],
    ...bornAt(wire.config),
  };
}

/**
 * An implicit `default` stays as Incus created it: it gets no mark and keeps Incus's description.
 */
function wanted(desired: DesiredProfile, actual: ActualProfile): DesiredProfile {
  if (!desired.implicit) return desired;
  const marked = MARK.infra in actual.config;
  const config = Object.entries(desired.config).filter(([key]) =>
    marked || !key.startsWith(MARK_PREFIX)
  );
  return { ...desired, description: actual.description, config: Object.fromEntries(config) };
}

function deltas(desired: DesiredProfile, actual: ActualProfile) {
  const managed = readManaged(actual.config);
  return {
    config: configDelta(
      desired.config,
      actual.config,
      managed,
      (key, value) => mayOpen(key, value),
    ),
    devices: deviceDelta(desired.devices, actual.devices, managed),
  };
}

export function compareProfile(profile: DesiredProfile, actual: ActualProfile): FieldChange[] {
  const desired = wanted(profile, actual);
  const { config, devices } = deltas(desired, actual);
  const managed = readManaged(actual.config);
  return [
    ...descriptionField(desired, actual),
    ...configFields(
      config,
      actual.config,
      (key) =>
        isLiveKey({ key, before: actual.config[key], after: desired.config[key] }, "lxc")
          ? "in-place"
          : "next-start",
      (key) => isForeignDoor(key, desired.config, actual.config, managed),
    ),
    ...deviceFields(devices, actual.devices, managed, () => "in-place"),
  ];
}

/** Body of `POST /1.0/profiles?project=P`. */
export function profileCreateBody(desired: DesiredProfile): ProfilesPost {
  return {
    name: desired.addr.name,
    description: desired.description,
    config: desired.config,
    devices: desired.devices,
  };
}

/** Body of `PUT /1.0/profiles/NAME?project=P`. */
export function profileUpdateBody(
  profile: DesiredProfile,
  actual: ActualProfile,
): ProfilePut {
  const desired = wanted(profile, actual);
  const { config, devices } = deltas(desired, actual);
  return {
    description: desired.description,
    config: mergeConfig(actual.config, config),
    devices: mergeDevices(actual.devices, devices),
  };
}

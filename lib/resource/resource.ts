import { compareInstance } from "./instance_compare.ts";
import type { ActualInstance, DesiredInstance } from "./instance.ts";
import type { FieldChange } from "./field.ts";
import { type ActualNetwork, compareNetwork, type DesiredNetwork } from "./network.ts";
import { type ActualProfile, compareProfile, type DesiredProfile } from "./profile.ts";
import { type ActualProject, compareProject, type DesiredProject } from "./project.ts";
import { type ActualVolume, compareVolume, type DesiredVolume } from "./volume.ts";

export type DesiredResource =
  | DesiredProject
  | DesiredNetwork
  | DesiredVolume
  | DesiredProfile
  | DesiredInstance;

export type ActualResource =
  | ActualProject
  | ActualNetwork
  | ActualVolume
  | ActualProfile
  | ActualInstance;

/**
 * Returns every field of a live resource that an apply would change. Both arguments have the same
 * kind.
 */
export function compareResource(desired: DesiredResource, actual: ActualResource): FieldChange[] {
  if (desired.kind === "project" && actual.kind === "project") {
    return compareProject(desired, actual);
  }
  if (desired.kind === "network" && actual.kind === "network") {
    return compareNetwork(desired, actual);
  }
  if (desired.kind === "volume" && actual.kind === "volume") return compareVolume(desired, actual);
  if (desired.kind === "profile" && actual.kind === "profile") {
    return compareProfile(desired, actual);
  }
  if (desired.kind === "instance" && actual.kind === "instance") {
    return compareInstance(desired, actual);
  }
  throw new TypeError(`cannot compare a ${desired.kind} with a ${actual.kind}`);
}

import type { Project, ProjectPut, ProjectsPost } from "../incus/wire/project.ts";
import type { Domain, StringMap } from "../infra/infra.ts";
import type { ResourceAddr } from "./address.ts";
import type { ActualBase, DesiredBase } from "./base.ts";
import { configDelta, configFields, mergeConfig } from "./delta.ts";
import { type FieldChange, fieldChange } from "./field.ts";
import { bornAt, type Owner } from "./mark.ts";
import { marksOf, readManaged } from "./managed.ts";

/** The Incus project of a domain. */
export interface DesiredProject extends DesiredBase {
  readonly kind: "project";
}
export interface ActualProject extends ActualBase {
  readonly kind: "project";
}

export function projectAddr(domain: string): ResourceAddr {
  return { kind: "project", name: domain };
}

/**
 * Images and networks are in the default project: an image is downloaded once for all projects, and
 * bridges belong to the host.
 */
const FEATURES: StringMap = {
  "features.images": "false",
  "features.networks": "false",
  "features.profiles": "true",
  "features.storage.volumes": "true",
};

export function desiredProject(domain: Domain, owner: Owner): DesiredProject {
  return {
    kind: "project",
    addr: projectAddr(domain.name),
    domain: domain.name,
    range: domain.range,
    description: domain.description,
    config: { ...FEATURES, ...marksOf(owner, domain.name, FEATURES) },
  };
}

export function actualProject(wire: Project): ActualProject {
  return {
    kind: "project",
    addr: projectAddr(wire.name),
    description: wire.description,
    config: wire.config,
    usedBy: wire.used_by ?? [],
    ...bornAt(wire.config),
  };
}

function delta(desired: DesiredProject, actual: ActualProject) {
  return configDelta(desired.config, actual.config, readManaged(actual.config), () => false);
}

export function compareProject(desired: DesiredProject, actual: ActualProject): FieldChange[] {
  return [
    ...descriptionField(desired, actual),
    ...configFields(delta(desired, actual), actual.config, () => "in-place"),
  ];
}

export function descriptionField(desired: DesiredBase, actual: ActualBase): FieldChange[] {
  return desired.description === actual.description
    ? []
    : [fieldChange("description", actual.description, desired.description, "in-place")];
}

/** Body of `POST /1.0/projects`. */
export function projectCreateBody(desired: DesiredProject): ProjectsPost {
  return { name: desired.addr.name, description: desired.description, config: desired.config };
}

/**
 * Body of `PUT /1.0/projects/NAME`. It contains everything, because Incus refuses a PATCH without
 * `features.*`.
 */
export function projectUpdateBody(desired: DesiredProject, actual: ActualProject): ProjectPut {
  return {
    description: desired.description,
    config: mergeConfig(actual.config, delta(desired, actual)),
  };
}

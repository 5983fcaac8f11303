import type { Diagnostic } from "../diag/diagnostic.ts";
import { formatAddr } from "../resource/address.ts";
import { FORMAT, type Owner, ownership } from "../resource/mark.ts";
import type { ActualResource, DesiredResource } from "../resource/resource.ts";

/** The error when a resource of a declared name is not ours to change; undefined: it is. */
export function foreignResource(
  desired: DesiredResource,
  actual: ActualResource,
  owner: Owner,
): Diagnostic | undefined {
  // Incus makes it with the project, so whose the project is decides.
  if (desired.kind === "profile" && desired.addr.name === "default") return undefined;
  const owned = ownership(actual.config, owner);
  const name = formatAddr(desired.addr);
  switch (owned.kind) {
    case "ours":
      return undefined;
    case "newer":
      return {
        severity: "error",
        code: "NEWER_FORMAT",
        summary: `${name} was written by a newer anklume (format ${owned.format || "?"})`,
        detail: `This anklume knows format ${FORMAT}; it would misread what the newer one set.`,
        remedy: "use the newer anklume",
        range: desired.range,
      };
    case "unmarked":
      return {
        severity: "error",
        code: "FOREIGN_RESOURCE",
        summary: `${name} exists already and was not made by anklume`,
        detail: "anklume changes and deletes only what carries its own mark.",
        remedy: "rename it in infra.yml, or rename or delete the one in Incus",
        range: desired.range,
      };
    case "other":
      return {
        severity: "error",
        code: "FOREIGN_RESOURCE",
        summary: `${name} belongs to another infra, "${owned.project}"`,
        detail: owned.project === owner.project
          ? "The two infras carry one name but have different infra.lock.yml files: was the lock lost or copied?"
          : "anklume changes and deletes only what carries its own infra's mark.",
        remedy: "rename it in infra.yml, or destroy the other infra from its own workspace",
        range: desired.range,
      };
  }
}

import { isLinkField } from "../resource/bridge_link.ts";
import { type FieldChange, worstEffect } from "../resource/field.ts";
import { GUEST_API } from "../resource/instance.ts";
import { MARK_PREFIX } from "../resource/mark.ts";
import { addsDhcpLines } from "../resource/network.ts";
import {
  type ActualResource,
  compareResource,
  type DesiredResource,
} from "../resource/resource.ts";
import { createFields } from "./create_fields.ts";
import type { Change } from "./plan.ts";
import { isProtected } from "./protection.ts";

/** Returns the change that creates a declared resource; undefined if Incus creates it by itself. */
export function creation(resource: DesiredResource): Change | undefined {
  if (resource.kind === "profile" && resource.implicit) return undefined;
  return {
    addr: resource.addr,
    action: "create",
    domain: resource.domain,
    fields: createFields(resource),
    effect: "in-place",
    reason: "infra.yml declares it",
    dependsOn: [],
    needsForce: false,
  };
}

/** Returns the change from a live resource to the declared one; undefined if they are equal. */
export function difference(resource: DesiredResource, found: ActualResource): Change | undefined {
  const fields = compareResource(resource, found);
  if (fields.length === 0) return undefined;
  const effect = worstEffect(fields);
  const replaces = effect === "rebuild" || effect === "data-lost";
  return {
    addr: resource.addr,
    action: replaces ? "replace" : "update",
    domain: resource.domain,
    fields: [...fields].toSorted((a, b) => Number(b.breach ?? false) - Number(a.breach ?? false)),
    effect,
    reason: reasonFor(fields),
    dependsOn: [],
    needsForce: replaces &&
      (isProtected(found) || (resource.kind === "instance" && resource.protected)),
  };
}

function shutsGuestApi({ path, before, after }: FieldChange): boolean {
  return path === `config.${GUEST_API}` && before === undefined && after === "false";
}

function reasonFor(fields: readonly FieldChange[]): string {
  if (fields.some((field) => field.breach)) return "the isolation has an opening";
  const others = fields.filter((field) => !field.path.startsWith(`config.${MARK_PREFIX}`));
  if (others.length === 0) return "only anklume's own notes on it change";
  // Differences from an older anklume: nobody edited anything.
  if (others.every(shutsGuestApi)) return "anklume now hides its notes from the machine";
  if (others.every(addsDhcpLines)) return "anklume now gives addresses only to known machines";
  if (fields.every((field) => field.path === "state")) {
    return "it is not in the state that infra.yml asks for";
  }
  if (fields.every(isLinkField)) return "a part of it is missing on the host";
  return "it differs from infra.yml";
}

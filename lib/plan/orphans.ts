import { formatAddr } from "../resource/address.ts";
import { MARK, type Owner, ownership } from "../resource/mark.ts";
import type { ActualResource } from "../resource/resource.ts";
import { parseSize } from "../resource/value.ts";
import type { ActualState } from "./actual_state.ts";
import type { DesiredState } from "./desired_state.ts";
import { comparePlaces } from "./sort_changes.ts";
import type { Orphan } from "./plan.ts";
import { isProtected } from "./protection.ts";
import { optional } from "../diag/optional.ts";

/**
 * Returns every resource of this infra on the host, without `default` profiles: Incus creates and
 * deletes them with their project.
 */
export function ownedResources(owner: Owner, actual: ActualState): ActualResource[] {
  return actual.resources.filter((resource) =>
    ownership(resource.config, owner).kind === "ours" &&
    !(resource.kind === "profile" && resource.addr.name === "default")
  ).toSorted(comparePlaces);
}

/** Returns the resources of this infra that are neither declared nor left unchanged on purpose. */
export function orphanedResources(
  desired: DesiredState,
  actual: ActualState,
  /** `formatAddr` of resources at another place that belong to a declared resource. */
  elsewhere: ReadonlySet<string>,
): ActualResource[] {
  const declared = new Set(desired.resources.map((resource) => formatAddr(resource.addr)));
  return ownedResources(desired.owner, actual).filter((resource) => {
    const name = formatAddr(resource.addr);
    return !declared.has(name) && !desired.frozen.has(name) && !elsewhere.has(name);
  });
}

export function toOrphan(resource: ActualResource): Orphan {
  return {
    addr: resource.addr,
    ...domainOf(resource),
    protected: isProtected(resource),
    ...optional({ createdAt: resource.createdAt }),
    ...bytesOf(resource),
  };
}

function bytesOf(resource: ActualResource): { bytes?: number } {
  const bytes = resource.kind === "instance"
    ? resource.diskBytes
    : resource.kind === "volume"
    ? parseSize(resource.config.size ?? "")
    : undefined;
  return optional({ bytes });
}

/** Returns the domain that a live resource was made for. */
export function domainOf(resource: ActualResource): { domain?: string } {
  const domain = resource.config[MARK.domain] ?? resource.addr.project;
  return optional({ domain });
}

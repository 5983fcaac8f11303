import { formatAddr } from "../resource/address.ts";
import { foreignDoors } from "../resource/foreign_doors.ts";
import { type ActualResource, compareResource } from "../resource/resource.ts";
import { type ActualState, indexResources } from "./actual_state.ts";
import type { DesiredState } from "./desired_state.ts";
import { domainOf } from "./orphans.ts";
import { foreignResource } from "./ownership.ts";
import type { LeftOpen } from "./plan.ts";

/**
 * Returns the breaches in resources that anklume does not change: only the owner can close them.
 */
export function findLeftOpen(
  desired: DesiredState,
  actual: ActualState,
  orphans: readonly ActualResource[],
): LeftOpen[] {
  return [...inDisabled(desired, actual), ...inOrphans(orphans)];
}

/** Returns breaches in resources that stay unchanged because of `enabled: false`. */
function inDisabled(desired: DesiredState, actual: ActualState): LeftOpen[] {
  if (desired.disabled.length === 0) return [];
  const live = indexResources(actual);
  return desired.disabled.flatMap((resource) => {
    const found = live.get(formatAddr(resource.addr));
    if (found === undefined || foreignResource(resource, found, desired.owner)) return [];
    const fields = compareResource(resource, found).filter(({ breach }) => breach === true);
    if (fields.length === 0) return [];
    return [{ addr: resource.addr, domain: resource.domain, why: "disabled" as const, fields }];
  });
}

/** Resources that `infra.yml` no longer declares stay isolated, unless somebody opens them. */
function inOrphans(orphans: readonly ActualResource[]): LeftOpen[] {
  return orphans.flatMap((orphan) => {
    const fields = orphan.kind === "instance" || orphan.kind === "profile"
      ? foreignDoors(orphan)
      : [];
    if (fields.length === 0) return [];
    const { domain = orphan.addr.name } = domainOf(orphan);
    return [{ addr: orphan.addr, domain, why: "orphan" as const, fields }];
  });
}

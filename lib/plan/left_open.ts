import { formatAddr } from "../resource/address.ts";
import { compareResource } from "../resource/resource.ts";
import { type ActualState, indexResources } from "./actual_state.ts";
import type { DesiredState } from "./desired_state.ts";
import { foreignResource } from "./ownership.ts";
import type { LeftOpen } from "./plan.ts";

/** Doors in what `enabled: false` keeps anklume from changing: nobody but the owner closes them. */
export function findLeftOpen(desired: DesiredState, actual: ActualState): LeftOpen[] {
  if (desired.disabled.length === 0) return [];
  const live = indexResources(actual);
  return desired.disabled.flatMap((resource) => {
    const found = live.get(formatAddr(resource.addr));
    if (found === undefined || foreignResource(resource, found, desired.owner)) return [];
    const fields = compareResource(resource, found).filter(({ breach }) => breach === true);
    return fields.length === 0 ? [] : [{ addr: resource.addr, domain: resource.domain, fields }];
  });
}

import { formatAddr, RESOURCE_KINDS, type ResourceAddr } from "../resource/address.ts";
import { compareText } from "../resource/delta.ts";
import type { Change } from "./plan.ts";

/** What is made first stands first: by kind, then by what a person reads. */
export function comparePlaces(
  a: { readonly addr: ResourceAddr },
  b: { readonly addr: ResourceAddr },
): number {
  return RESOURCE_KINDS.indexOf(a.addr.kind) - RESOURCE_KINDS.indexOf(b.addr.kind) ||
    compareText(formatAddr(a.addr), formatAddr(b.addr));
}

/** Changes in an order that respects what they depend on; what is deleted goes last, and the other way round. */
export function sortChanges(changes: readonly Change[]): Change[] {
  const made = changes.filter((change) => change.action !== "delete");
  const deleted = changes.filter((change) => change.action === "delete");
  return [...made.toSorted(comparePlaces), ...deleted.toSorted((a, b) => -comparePlaces(a, b))];
}

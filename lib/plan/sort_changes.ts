import { formatAddr, RESOURCE_KINDS, type ResourceAddr } from "../resource/address.ts";
import { compareText } from "../resource/delta.ts";
import type { Change } from "./plan.ts";

/** Compares by kind in the order of creation, then by the displayed name. */
export function comparePlaces(
  a: { readonly addr: ResourceAddr },
  b: { readonly addr: ResourceAddr },
): number {
  return RESOURCE_KINDS.indexOf(a.addr.kind) - RESOURCE_KINDS.indexOf(b.addr.kind) ||
    compareText(formatAddr(a.addr), formatAddr(b.addr));
}

/**
 * Sorts changes in an order that respects their dependencies. Deletions come last, in reverse
 * order.
 */
export function sortChanges(changes: readonly Change[]): Change[] {
  const made = changes.filter((change) => change.action !== "delete");
  const deleted = changes.filter((change) => change.action === "delete");
  return [...made.toSorted(comparePlaces), ...deleted.toSorted((a, b) => -comparePlaces(a, b))];
}

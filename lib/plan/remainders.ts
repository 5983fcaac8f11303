import { formatAddr } from "../resource/address.ts";
import { MARK, type Owner, ownership } from "../resource/mark.ts";
import type { ActualResource } from "../resource/resource.ts";
import type { ActualState } from "./actual_state.ts";
import { domainOf } from "./orphans.ts";
import type { Change } from "./plan.ts";

/** What interrupted moves left, apart from what is whole. */
export interface Remainders {
  /** The live state as if there were none. */
  readonly actual: ActualState;
  readonly resources: readonly ActualResource[];
}

/**
 * A machine or volume that goes to another project or pool is copied, and for a moment there are two. Where that moment was
 * the last of a run, one of them is a remainder: the copy until it is whole, the original from then on.
 */
export function findRemainders(owner: Owner, actual: ActualState): Remainders {
  const owned = new Map(
    actual.resources.filter(({ config }) => ownership(config, owner).kind === "ours")
      .map((resource) => [formatAddr(resource.addr), resource]),
  );
  const found = new Set<ActualResource>();
  for (const resource of owned.values()) {
    const original = owned.get(resource.config[MARK.copying] ?? resource.config[MARK.copied] ?? "");
    // One that could only be renamed has taken its original's place.
    if (original === undefined || original === resource || !isTwin(resource, original)) continue;
    found.add(MARK.copying in resource.config ? resource : original);
  }
  if (found.size === 0) return { actual, resources: [] };
  const resources = actual.resources.filter((resource) => !found.has(resource));
  return { actual: { ...actual, resources }, resources: [...found] };
}

/** A copy that anklume made has the machine's UUID; one that somebody else made of that has a new one. */
function isTwin(copy: ActualResource, original: ActualResource): boolean {
  const uuid = "volatile.uuid";
  return copy.kind === original.kind &&
    (copy.kind !== "instance" || copy.config[uuid] === original.config[uuid]);
}

/** Those that stand where something is to come are taken away by what comes; these are the others. */
export function removals(
  { resources }: Remainders,
  changes: readonly Change[],
): Change[] {
  const taken = new Set(
    changes.flatMap(({ addr, moves = [] }) => [addr, ...moves.map(({ to }) => to)]).map(formatAddr),
  );
  return resources.filter(({ addr }) => !taken.has(formatAddr(addr))).map((resource) => ({
    addr: resource.addr,
    action: "delete",
    ...domainOf(resource),
    fields: [],
    ...(resource.kind === "instance" && resource.status !== "Stopped"
      ? {
        effect: "data-lost",
        reason: "an interrupted move left it, and somebody started it since",
      }
      : {
        effect: "in-place",
        reason: "an interrupted move left it; all that is in it is elsewhere",
      }),
    dependsOn: [],
    needsForce: false,
  }));
}

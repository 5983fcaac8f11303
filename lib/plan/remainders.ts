import { formatAddr } from "../resource/address.ts";
import { MARK, type Owner, ownership } from "../resource/mark.ts";
import type { ActualResource } from "../resource/resource.ts";
import type { ActualState } from "./actual_state.ts";
import { domainOf } from "./orphans.ts";
import type { Change } from "./plan.ts";

/** The remains of interrupted moves. Complete machines and volumes are not included. */
interface Remainders {
  /** The live state without these remains. */
  readonly actual: ActualState;
  readonly resources: readonly ActualResource[];
}

/**
 * Finds the remains of interrupted moves. A machine or volume is copied to another project or pool,
 * so for a time there are two. If the run was interrupted then, one of them is a remainder: the
 * copy as long as it is incomplete, afterwards the original.
 */
export function findRemainders(owner: Owner, actual: ActualState): Remainders {
  const owned = new Map(
    actual.resources.filter(({ config }) => ownership(config, owner).kind === "ours")
      .map((resource) => [formatAddr(resource.addr), resource]),
  );
  const found = new Set<ActualResource>();
  for (const resource of owned.values()) {
    const original = owned.get(resource.config[MARK.copying] ?? resource.config[MARK.copied] ?? "");
    // A machine that could only be renamed has taken the place of its original.
    if (original === undefined || original === resource || !isTwin(resource, original)) continue;
    found.add(MARK.copying in resource.config ? resource : original);
  }
  if (found.size === 0) return { actual, resources: [] };
  const resources = actual.resources.filter((resource) => !found.has(resource));
  return { actual: { ...actual, resources }, resources: [...found] };
}

/**
 * A copy made by anklume has the UUID of the machine. A copy made by somebody else has a new one.
 */
function isTwin(copy: ActualResource, original: ActualResource): boolean {
  const uuid = "volatile.uuid";
  return copy.kind === original.kind &&
    (copy.kind !== "instance" || copy.config[uuid] === original.config[uuid]);
}

/**
 * Returns the deletions of remainders. A remainder at the place of a new resource is left out: that
 * change removes it.
 */
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
        reason: "an interrupted move left it, and it was started since then",
      }
      : {
        effect: "in-place",
        reason: "an interrupted move left it; everything in it has been moved",
      }),
    dependsOn: [],
    needsForce: false,
  }));
}

import { suggest } from "../../diag/suggest.ts";
import type { Inventory } from "../../snapshot/inventory.ts";
import type { SnapshotSet } from "../../snapshot/snapshot_set.ts";
import { UserError } from "../../session/user_error.ts";

/**
 * Returns the set of that name. A set that anklume took has the members in its note; another
 * machine with a snapshot of that name (made with `incus copy`) does not belong to it.
 * @throws UserError if there is no such set
 */
export function findSet(
  name: string,
  { sets }: Inventory,
  remedy = "`anklume snapshot list` shows them",
): SnapshotSet {
  const found = sets.filter((set) => set.name === name);
  const [set, another] = found;
  if (set === undefined) {
    const near = suggest(name, sets.map((each) => each.name));
    throw new UserError(
      `There is no snapshot set \`${name}\``,
      near === undefined ? remedy : `Did you mean \`${near}\`?`,
    );
  }
  const noted = found.find(({ origin }) => origin !== "schedule" && origin !== "other");
  if (noted !== undefined) return noted;
  if (another === undefined) return set;
  // Incus numbers the snapshots of each machine separately: one name may stand for different times.
  const members = found.flatMap((each) => each.members);
  return { ...set, members, faults: found.flatMap(({ faults }) => faults) };
}

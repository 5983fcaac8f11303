import { suggest } from "../diag/suggest.ts";
import type { Inventory } from "../snapshot/inventory.ts";
import type { SnapshotSet } from "../snapshot/snapshot_set.ts";
import { UserError } from "./user_error.ts";

/** @throws UserError where there is no such set, or two sets share the name */
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
      `There is no set \`${name}\``,
      near === undefined ? remedy : `Did you mean \`${near}\`?`,
    );
  }
  if (another === undefined) return set;
  // Incus numbers each machine's by itself: one name may stand for different times.
  const members = found.flatMap((each) => each.members);
  return { ...set, members, faults: found.flatMap(({ faults }) => faults) };
}

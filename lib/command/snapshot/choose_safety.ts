import type { Inventory } from "../../snapshot/inventory.ts";
import type { LiveMachine } from "../../snapshot/live_machine.ts";
import type { RestorePlan } from "../../snapshot/plan_restore.ts";
import { freeTimeName } from "./take.ts";

interface Safety {
  readonly name?: string;
  /** false: an earlier, interrupted run has taken it. */
  readonly take: boolean;
  readonly noneBecause?: string;
}

/** Decides whether the current state is kept in a safety set. */
export function chooseSafety(
  plan: RestorePlan,
  inventory: Inventory,
  kept: readonly LiveMachine[],
  now: Date,
): Safety {
  // A repeated run that keeps nothing still refers to the safety set of the earlier run.
  const concerned = kept.length === 0 ? plan.machines.map(({ live }) => live) : kept;
  const pending = concerned.map(({ project, name }) => inventory.restores.get(project)?.[name]);
  const earlier = pending[0]?.safety;
  const allOfIt = pending.every((each) => each?.set === plan.set.name && each.safety === earlier);
  if (earlier !== undefined && allOfIt) return { name: earlier, take: false };
  if (kept.length === 0) return { take: false };
  const pool = plan.zfs[0]?.pool;
  if (pool !== undefined) {
    return {
      take: false,
      noneBecause: `on the ZFS pool ${pool} the restore would remove it again`,
    };
  }
  return { name: freeTimeName(inventory, now, "before-"), take: true };
}

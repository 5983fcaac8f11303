import { optional } from "../diag/optional.ts";
import { formatAddr } from "../resource/address.ts";
import { type ActualState, indexResources } from "./actual_state.ts";
import { checkLiveState } from "./checks.ts";
import { compareDeclared } from "./compare_declared.ts";
import { dependenciesOf } from "./dependencies.ts";
import type { DesiredState } from "./desired_state.ts";
import { firewallChange } from "./firewall_change.ts";
import { forecast } from "./forecast.ts";
import { withLaterInVms } from "./later_in_vms.ts";
import { findLeftOpen } from "./left_open.ts";
import { orphanDeletions } from "./orphan_deletions.ts";
import { orphanedResources, toOrphan } from "./orphans.ts";
import { foreignFirewall, nameTaken } from "./ownership.ts";
import type { Change, Plan, PlanOptions } from "./plan.ts";
import { findRelocations } from "./relocations.ts";
import { findRemainders, removals } from "./remainders.ts";
import { withRestarts } from "./restarts.ts";
import { sortChanges } from "./sort_changes.ts";
import { findStrangers } from "./strangers.ts";

/**
 * Returns the changes from the live state to the desired one. Pure and sorted: the same input gives
 * the same plan.
 */
export function createPlan(
  desired: DesiredState,
  found: ActualState,
  options: PlanOptions = {},
): Plan {
  const { owner } = desired;
  const remainders = findRemainders(owner, found);
  const { actual } = remainders;
  const live = indexResources(actual);
  const relocations = findRelocations(desired, actual, live);
  const declared = compareDeclared(desired, actual, live, relocations);
  const leftovers = removals(remainders, declared.changes);
  const orphans = orphanedResources(desired, actual, relocations.sources);
  const deletions = orphanDeletions(
    orphans,
    desired,
    found,
    declared.changes,
    leftovers,
    options,
  );
  const firewall = firewallChange(desired, actual);
  const changes = [
    ...declared.changes,
    ...leftovers,
    ...deletions.changes,
    ...(firewall === undefined ? [] : [firewall]),
  ];
  const foreseen = forecast(desired, actual);
  return {
    project: owner.project,
    infraId: owner.infraId,
    changes: sortChanges(
      withDependencies(
        withRestarts(withLaterInVms(changes, actual.resources), desired, live),
        desired,
        leftovers,
      ),
    ),
    unchanged: declared.unchanged + (firewall === undefined ? 1 : 0),
    orphans: orphans.map(toOrphan),
    diagnostics: [
      ...nameTaken(owner, actual.resources),
      ...foreignFirewall(owner, actual.firewall),
      ...declared.diagnostics,
      ...checkLiveState(desired, actual, relocations.sources),
      ...foreseen.diagnostics,
    ],
    held: [...declared.held, ...deletions.held],
    ...optional({
      strangers: orAbsent(findStrangers(desired, actual)),
      leftOpen: orAbsent(findLeftOpen(desired, actual, options.prune === true ? [] : orphans)),
    }),
    watchStarts: foreseen.watchStarts,
  };
}

function orAbsent<T>(list: readonly T[]): readonly T[] | undefined {
  return list.length === 0 ? undefined : list;
}

function withDependencies(
  changes: readonly Change[],
  desired: DesiredState,
  leftovers: readonly Change[],
): Change[] {
  const planned = new Set(changes.map((change) => formatAddr(change.addr)));
  const declared = new Map(
    desired.resources.map((resource) => [formatAddr(resource.addr), resource]),
  );
  return changes.map((change) => {
    const resource = declared.get(formatAddr(change.addr));
    const needed = change.action === "delete" || resource === undefined
      ? change.dependsOn
      : dependenciesOf(resource, change, desired);
    // A leftover may have the name that a machine needs temporarily.
    const before = change.action === "delete" || change.addr.kind !== "instance" ? [] : leftovers;
    const cleared = before.filter(({ addr }) => addr.project === change.addr.project);
    const dependsOn = [...new Set([...needed, ...cleared.map(({ addr }) => formatAddr(addr))])]
      .filter((name) => planned.has(name)).toSorted();
    return { ...change, dependsOn };
  });
}

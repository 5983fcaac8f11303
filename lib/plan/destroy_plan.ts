import { formatAddr } from "../resource/address.ts";
import type { Owner } from "../resource/mark.ts";
import type { ActualState } from "./actual_state.ts";
import { planDeletions } from "./deletions.ts";
import { firewallAddr } from "./desired_state.ts";
import { sortChanges } from "./sort_changes.ts";
import { domainOf, ownedResources } from "./orphans.ts";
import type { Change, Plan } from "./plan.ts";

export interface DestroyOptions {
  /** Only what was made for these domains; the firewall stays then. */
  readonly domains?: readonly string[];
  /** Protected machines and volumes go too. */
  readonly force?: boolean;
}

/**
 * What removes the infra from the host: everything that carries its mark, declared or not. The firewall goes last, and
 * only when nothing of the infra is left behind it.
 */
export function createDestroyPlan(
  owner: Owner,
  actual: ActualState,
  options: DestroyOptions = {},
): Plan {
  const owned = ownedResources(owner, actual);
  const chosen = owned.filter((resource) => {
    const { domain } = domainOf(resource);
    return options.domains === undefined ||
      (domain !== undefined && options.domains.includes(domain));
  });
  const deletions = planDeletions(chosen, actual, {
    force: options.force ?? false,
    reason: "destroy was asked for",
  });
  const everything = deletions.changes.length === owned.length;
  // `missing` says that one of two tables is; the other, and what brings both back at boot, go as well.
  const { state, foreign } = actual.firewall;
  const standing = foreign !== true && (state !== "missing" || owned.length > 0);
  const changes = everything && standing
    ? [...deletions.changes, firewallRemoval(owner, deletions.changes)]
    : deletions.changes;
  return {
    project: owner.project,
    infraId: owner.infraId,
    changes: sortChanges(changes),
    unchanged: 0,
    orphans: [],
    diagnostics: [],
    held: deletions.held,
    watchStarts: false,
  };
}

function firewallRemoval(owner: Owner, before: readonly Change[]): Change {
  return {
    addr: firewallAddr(owner.project),
    action: "delete",
    fields: [],
    effect: "in-place",
    reason: "nothing of the infra is left behind it",
    dependsOn: before.map((change) => formatAddr(change.addr)),
    needsForce: false,
  };
}

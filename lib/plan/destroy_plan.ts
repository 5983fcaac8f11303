import { formatAddr } from "../resource/address.ts";
import type { Owner } from "../resource/mark.ts";
import type { ActualState } from "./actual_state.ts";
import { planDeletions } from "./deletions.ts";
import { firewallAddr } from "./desired_state.ts";
import { sortChanges } from "./sort_changes.ts";
import { domainOf, ownedResources } from "./orphans.ts";
import type { Change, Plan } from "./plan.ts";

interface DestroyOptions {
  /** Remove only the resources made for these domains. The firewall stays then. */
  readonly domains?: readonly string[];
  /** Remove protected machines and volumes too. */
  readonly force?: boolean;
}

/**
 * Returns the plan that removes the infra from the host: every resource with its mark, declared or
 * not. The firewall is removed last, and only if nothing of the infra remains.
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
    reason: "you asked to destroy it",
  });
  const everything = deletions.changes.length === owned.length;
  // The state `missing` means that at least one of the two tables is missing. The other one, and
  // the files that load both at boot, must be removed too.
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
    reason: "nothing of the infra is left to protect",
    dependsOn: before.map((change) => formatAddr(change.addr)),
    needsForce: false,
  };
}

import { formatAddr, type ResourceAddr } from "../resource/address.ts";
import { MARK } from "../resource/mark.ts";
import type { ActualResource } from "../resource/resource.ts";
import { usedByDevices } from "../resource/uses.ts";
import type { ActualState } from "./actual_state.ts";
import { planDeletions } from "./deletions.ts";
import type { DesiredState } from "./desired_state.ts";
import { domainOf } from "./orphans.ts";
import type { Change, Held, PlanOptions } from "./plan.ts";

/**
 * Plans the deletion of orphans: of all with `prune`, otherwise only of what remains of a renamed
 * domain.
 *
 * @param changes those of the declared resources
 * @param leftovers the deletions of what interrupted moves left
 */
export function orphanDeletions(
  orphans: readonly ActualResource[],
  desired: DesiredState,
  found: ActualState,
  changes: readonly Change[],
  leftovers: readonly Change[],
  { prune = false, force = false }: PlanOptions,
): { readonly changes: readonly Change[]; readonly held: readonly Held[] } {
  const replaced = new Set(
    changes.filter(({ action }) => action === "replace").map(({ addr }) => formatAddr(addr)),
  );
  const deletions = planDeletions(
    prune
      ? orphans.filter((each) => !replaced.has(formatAddr(madeFor(each))))
      : orphans.filter((each) => wasRenamed(each, desired)),
    found,
    {
      force,
      reason: "infra.yml no longer declares it",
      leaving: leavingOf([...changes, ...leftovers]),
      networks: networksOf(changes, desired, force),
    },
  );
  return prune ? deletions : { ...deletions, held: [] };
}

/**
 * True for the parts of a renamed domain that remain after its machines have moved. They contain
 * nothing of value.
 */
function wasRenamed(orphan: ActualResource, desired: DesiredState): boolean {
  return orphan.kind !== "instance" && orphan.kind !== "volume" &&
    desired.renamedDomains.has(domainOf(orphan).domain ?? "");
}

/**
 * Returns the machine whose new disk this instance holds, after an interrupted replacement.
 * Continuing the replacement removes the instance.
 */
function madeFor({ addr, config }: ActualResource): ResourceAddr {
  return { ...addr, name: config[MARK.fresh] ?? addr.name };
}

/**
 * Returns a map from `formatAddr` of machines and volumes at their present place to the change that
 * moves or deletes them.
 */
function leavingOf(changes: readonly Change[]): ReadonlyMap<string, string> {
  return new Map(
    changes.flatMap(({ addr, action, from, moves = [], aside }) =>
      [
        ...(action === "delete" ? [addr] : []),
        ...(from ? [from] : []),
        ...moves.map((move) => move.from),
        ...(aside ? [aside] : []),
      ].map((source) => [formatAddr(source), formatAddr(addr)] as const)
    ),
  );
}

/**
 * Returns a map from `formatAddr` of the machines and profiles that this plan updates to the
 * networks (and volumes) that they then use.
 */
function networksOf(
  changes: readonly Change[],
  desired: DesiredState,
  force: boolean,
): ReadonlyMap<string, ReadonlySet<string>> {
  const updated = new Set(
    changes.filter(({ action, needsForce }) => action !== "delete" && (force || !needsForce))
      .map(({ addr }) => formatAddr(addr)),
  );
  return new Map(desired.resources.flatMap((resource) => {
    const name = formatAddr(resource.addr);
    return "devices" in resource && updated.has(name)
      ? [[name, new Set(usedByDevices(resource.devices, resource.domain))] as const]
      : [];
  }));
}

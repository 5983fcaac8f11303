import type { Diagnostic } from "../diag/diagnostic.ts";
import { formatAddr, type ResourceAddr } from "../resource/address.ts";
import { MARK } from "../resource/mark.ts";
import { usedByDevices } from "../resource/uses.ts";
import {
  type ActualResource,
  compareResource,
  type DesiredResource,
} from "../resource/resource.ts";
import { type ActualState, indexResources } from "./actual_state.ts";
import { creation, difference } from "./change.ts";
import { checkLiveState, shrinks } from "./checks.ts";
import { planDeletions } from "./deletions.ts";
import { dependenciesOf } from "./dependencies.ts";
import type { DesiredState } from "./desired_state.ts";
import { firewallChange } from "./firewall_change.ts";
import { forecast } from "./forecast.ts";
import { farewell, machineChange } from "./machine_change.ts";
import { sortChanges } from "./sort_changes.ts";
import { domainOf, orphanedResources, toOrphan } from "./orphans.ts";
import { foreignFirewall, foreignResource, nameTaken } from "./ownership.ts";
import type { Change, Held, Plan } from "./plan.ts";
import { findLeftOpen } from "./left_open.ts";
import { withLaterInVms } from "./later_in_vms.ts";
import { findRemainders, removals } from "./remainders.ts";
import { findRelocations } from "./relocations.ts";
import { withRestarts } from "./restarts.ts";
import { findStrangers } from "./strangers.ts";

export interface PlanOptions {
  /** Delete orphans; protected ones only with `force`. */
  readonly prune?: boolean;
  readonly force?: boolean;
}

/**
 * Returns the changes from the live state to the desired one. Pure and sorted: the same input gives
 * the same plan.
 */
export function createPlan(
  desired: DesiredState,
  found: ActualState,
  options: PlanOptions = {},
): Plan {
  const remainders = findRemainders(desired.owner, found);
  const { actual } = remainders;
  const live = indexResources(actual);
  const changes: Change[] = [];
  const diagnostics: Diagnostic[] = [];
  const held: Held[] = [];
  const relocations = findRelocations(desired, actual, live);
  const volumesOf = Map.groupBy(
    desired.resources.filter((resource) => resource.kind === "volume"),
    ({ machine }) => machine,
  );
  let unchanged = 0;
  for (const resource of desired.resources) {
    const name = formatAddr(resource.addr);
    // It moves together with its machine.
    if (relocations.volumes.has(name)) continue;
    const found = live.get(name);
    const foreign = found && foreignResource(resource, found, desired.owner);
    if (foreign !== undefined) {
      diagnostics.push(foreign);
      continue;
    }
    const missing = missingGpu(resource, actual);
    if (missing !== undefined) {
      held.push({ addr: resource.addr, domain: resource.domain, diagnostic: missing });
      continue;
    }
    const change = resource.kind === "instance"
      ? machineChange(resource, volumesOf.get(resource.addr.name) ?? [], found, relocations)
      : found === undefined
      ? creation(resource)
      : difference(resource, found);
    if (change === undefined) unchanged++;
    else {
      changes.push(change);
      const used = found?.kind === "instance" ? found.diskBytes : undefined;
      diagnostics.push(...shrinks(resource, change.fields, used));
    }
    const aside = relocations.asides.get(name);
    if (aside !== undefined && found !== undefined && resource.kind === "instance") {
      changes.push(farewell(aside, resource));
    }
  }
  for (const volume of desired.resources) {
    const source = volume.kind === "volume" && relocations.volumes.get(formatAddr(volume.addr));
    if (source) diagnostics.push(...shrinks(volume, compareResource(volume, source)));
  }
  const leftovers = removals(remainders, changes);
  const orphans = orphanedResources(desired, actual, relocations.sources);
  const replaced = new Set(
    changes.filter(({ action }) => action === "replace").map(({ addr }) => formatAddr(addr)),
  );
  const deletions = planDeletions(
    options.prune === true
      ? orphans.filter((each) => !replaced.has(formatAddr(madeFor(each))))
      : orphans.filter((each) => wasRenamed(each, desired)),
    found,
    {
      force: options.force ?? false,
      reason: "infra.yml no longer declares it",
      leaving: leavingOf([...changes, ...leftovers]),
      networks: networksOf(changes, desired, options.force ?? false),
    },
  );
  changes.push(...leftovers, ...deletions.changes);
  if (options.prune === true) held.push(...deletions.held);
  const firewall = firewallChange(desired, actual);
  if (firewall === undefined) unchanged++;
  else changes.push(firewall);
  const foreseen = forecast(desired, actual);
  const strangers = findStrangers(desired, actual);
  const leftOpen = findLeftOpen(desired, actual, options.prune === true ? [] : orphans);
  return {
    project: desired.owner.project,
    infraId: desired.owner.infraId,
    changes: sortChanges(
      withDependencies(
        withRestarts(withLaterInVms(changes, actual.resources), desired, live),
        desired,
        leftovers,
      ),
    ),
    unchanged,
    orphans: orphans.map(toOrphan),
    diagnostics: [
      ...nameTaken(desired.owner, actual.resources),
      ...foreignFirewall(desired.owner, actual.firewall),
      ...diagnostics,
      ...checkLiveState(desired, actual, relocations.sources),
      ...foreseen.diagnostics,
    ],
    held,
    ...(strangers.length === 0 ? {} : { strangers }),
    ...(leftOpen.length === 0 ? {} : { leftOpen }),
    watchStarts: foreseen.watchStarts,
  };
}

/**
 * Reports a machine that needs a GPU that the host does not have. Only this machine is left out.
 */
function missingGpu(resource: DesiredResource, actual: ActualState): Diagnostic | undefined {
  if (resource.kind !== "instance" || !resource.gpu) return undefined;
  if (actual.hardware === undefined || actual.hardware.gpus.length > 0) return undefined;
  return {
    severity: "error",
    code: "NO_GPU",
    summary: `the host has no GPU for ${resource.addr.name}: it is left out`,
    remedy: "remove `gpu: true`, or apply on a host with a GPU (incus info --resources shows it)",
    range: resource.range,
  };
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

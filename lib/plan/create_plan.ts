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
  /** Orphans are deleted, protected ones only with `force`. */
  readonly prune?: boolean;
  readonly force?: boolean;
}

/** What takes the live state to the desired one. Pure and sorted: the same inputs give the same plan. */
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
    // It moves with its machine.
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

/** A machine that asks for a GPU which the host has not got is left out; the rest goes on. */
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

/** What a renamed domain leaves behind once its machines have moved: nothing in it is of worth. */
function wasRenamed(orphan: ActualResource, desired: DesiredState): boolean {
  return orphan.kind !== "instance" && orphan.kind !== "volume" &&
    desired.renamedDomains.has(domainOf(orphan).domain ?? "");
}

/** The machine whose new disk it holds, since a replacement was interrupted: carrying that on takes it away. */
function madeFor({ addr, config }: ActualResource): ResourceAddr {
  return { ...addr, name: config[MARK.fresh] ?? addr.name };
}

/** `formatAddr` of where machines and volumes are now -> of the change that takes them away. */
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

/** `formatAddr` of the machines and profiles that this plan updates -> of the networks (and volumes) that they then use. */
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
    // One of them may have the name that a machine needs for a moment.
    const before = change.action === "delete" || change.addr.kind !== "instance" ? [] : leftovers;
    const cleared = before.filter(({ addr }) => addr.project === change.addr.project);
    const dependsOn = [...new Set([...needed, ...cleared.map(({ addr }) => formatAddr(addr))])]
      .filter((name) => planned.has(name)).toSorted();
    return { ...change, dependsOn };
  });
}

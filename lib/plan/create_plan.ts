import type { Diagnostic } from "../diag/diagnostic.ts";
import { formatAddr } from "../resource/address.ts";
import { type FieldChange, worstEffect } from "../resource/field.ts";
import { MARK_PREFIX } from "../resource/mark.ts";
import {
  type ActualResource,
  compareResource,
  type DesiredResource,
} from "../resource/resource.ts";
import { type ActualState, indexResources } from "./actual_state.ts";
import { checkHost, shrinks } from "./checks.ts";
import { createFields } from "./create_fields.ts";
import { planDeletions } from "./deletions.ts";
import { dependenciesOf } from "./dependencies.ts";
import type { DesiredState } from "./desired_state.ts";
import { firewallChange } from "./firewall_change.ts";
import { forecast } from "./forecast.ts";
import { sortChanges } from "./order.ts";
import { orphanedResources, toOrphan } from "./orphans.ts";
import { foreignResource } from "./ownership.ts";
import type { Change, Held, Plan } from "./plan.ts";
import { isProtected } from "./protection.ts";

export interface PlanOptions {
  /** Orphans are deleted, protected ones only with `force`. */
  readonly prune?: boolean;
  readonly force?: boolean;
}

/** What takes the live state to the desired one. Pure and sorted: the same inputs give the same plan. */
export function createPlan(
  desired: DesiredState,
  actual: ActualState,
  options: PlanOptions = {},
): Plan {
  const live = indexResources(actual);
  const changes: Change[] = [];
  const diagnostics: Diagnostic[] = [];
  const held: Held[] = [];
  let unchanged = 0;
  for (const resource of desired.resources) {
    const found = live.get(formatAddr(resource.addr));
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
    const change = found === undefined ? creation(resource) : difference(resource, found);
    if (change === undefined) unchanged++;
    else {
      changes.push(change);
      diagnostics.push(...shrinks(resource, change.fields));
    }
  }
  const orphans = orphanedResources(desired, actual);
  if (options.prune === true) {
    const deletions = planDeletions(orphans, actual, {
      force: options.force ?? false,
      reason: "infra.yml no longer declares it",
    });
    changes.push(...deletions.changes);
    held.push(...deletions.held);
  }
  const firewall = firewallChange(desired, actual);
  if (firewall === undefined) unchanged++;
  else changes.push(firewall);
  const foreseen = forecast(desired, actual);
  return {
    project: desired.owner.project,
    infraId: desired.owner.infraId,
    changes: sortChanges(withDependencies(changes, desired)),
    unchanged,
    orphans: orphans.map(toOrphan),
    diagnostics: [...diagnostics, ...checkHost(desired, actual), ...foreseen.diagnostics],
    held,
    watchStarts: foreseen.watchStarts,
  };
}

function creation(resource: DesiredResource): Change | undefined {
  if (resource.kind === "profile" && resource.implicit) return undefined;
  return {
    addr: resource.addr,
    action: "create",
    domain: resource.domain,
    fields: createFields(resource),
    effect: "in-place",
    reason: "infra.yml declares it",
    dependsOn: [],
    needsForce: false,
  };
}

function difference(resource: DesiredResource, found: ActualResource): Change | undefined {
  const fields = compareResource(resource, found);
  if (fields.length === 0) return undefined;
  const effect = worstEffect(fields);
  const replaces = effect === "rebuild" || effect === "data-lost";
  return {
    addr: resource.addr,
    action: replaces ? "replace" : "update",
    domain: resource.domain,
    fields: [...fields].toSorted((a, b) => Number(b.breach ?? false) - Number(a.breach ?? false)),
    effect,
    reason: reasonFor(fields),
    dependsOn: [],
    needsForce: replaces &&
      (isProtected(found) || (resource.kind === "instance" && resource.protected)),
  };
}

function reasonFor(fields: readonly FieldChange[]): string {
  if (fields.some((field) => field.breach)) return "somebody opened a door in the isolation";
  if (fields.every((field) => field.path.startsWith(`config.${MARK_PREFIX}`))) {
    return "only what anklume notes on it changes";
  }
  if (fields.every((field) => field.path === "state")) {
    return "it is not in the state that infra.yml asks for";
  }
  return "it differs from infra.yml";
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

function withDependencies(changes: readonly Change[], desired: DesiredState): Change[] {
  const planned = new Set(changes.map((change) => formatAddr(change.addr)));
  const declared = new Map(
    desired.resources.map((resource) => [formatAddr(resource.addr), resource]),
  );
  return changes.map((change) => {
    const resource = declared.get(formatAddr(change.addr));
    const needed = change.action === "delete" || resource === undefined
      ? change.dependsOn
      : dependenciesOf(resource, change, desired);
    const dependsOn = [...new Set(needed)].filter((name) => planned.has(name)).toSorted();
    return { ...change, dependsOn };
  });
}

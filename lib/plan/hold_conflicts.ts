import type { HostConflict } from "../addressing/host_conflict.ts";
import type { Diagnostic } from "../diag/diagnostic.ts";
import { formatAddr } from "../resource/address.ts";
import { onlyStops } from "./dependencies.ts";
import type { Change, Held, Plan } from "./plan.ts";
import { optional } from "../diag/optional.ts";

/**
 * Returns the plan without changes that would create, change or start something in a domain that
 * cannot work on this host now, and without changes that depend on them. Changes that delete
 * something, stop a machine or close a breach stay in the plan, and so do the other domains. Pure.
 */
export function holdConflicts(plan: Plan, conflicts: readonly HostConflict[]): Plan {
  if (conflicts.length === 0) return plan;
  const domains = new Set(conflicts.map(({ domain }) => domain));
  const kept: Change[] = [];
  const left = new Map<string, Held>();
  // In the order of the plan, dependencies come first.
  for (const change of plan.changes) {
    const name = formatAddr(change.addr);
    const own = domains.has(change.domain ?? "") && !isHarmless(change);
    if (!own && !change.dependsOn.some((other) => left.has(other))) {
      kept.push(change);
      continue;
    }
    left.set(name, {
      addr: change.addr,
      ...optional({ domain: change.domain }),
      diagnostic: waiting(name, own ? change.domain : undefined),
    });
  }
  return { ...plan, changes: kept, held: [...plan.held, ...left.values()] };
}

function isHarmless(change: Change): boolean {
  return change.action === "delete" || onlyStops(change) ||
    change.fields.some(({ breach }) => breach === true);
}

function waiting(name: string, domain: string | undefined): Diagnostic {
  return {
    severity: "error",
    code: "HOST_NETWORK",
    summary: domain === undefined
      ? `${name} waits for a domain that cannot work on this host as it is`
      : `${name} waits: \`${domain}\` cannot work on this host as it is, see HOST_NETWORK`,
  };
}

import type { HostConflict } from "../addressing/host_conflicts.ts";
import type { Diagnostic } from "../diag/diagnostic.ts";
import { formatAddr } from "../resource/address.ts";
import { onlyStops } from "./dependencies.ts";
import type { Change, Held, Plan } from "./plan.ts";
import { optional } from "../diag/optional.ts";

/**
 * The plan without what would make, change or start something of a domain that cannot work on this host as it is, and without what
 * waits for that. What takes away, stops a machine or closes a door goes on, and so do the other domains. Pure.
 */
export function holdConflicts(plan: Plan, conflicts: readonly HostConflict[]): Plan {
  if (conflicts.length === 0) return plan;
  const domains = new Set(conflicts.map(({ domain }) => domain));
  const kept: Change[] = [];
  const left = new Map<string, Held>();
  // In the plan's order what is waited for comes first.
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

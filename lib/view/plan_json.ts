import type { Diagnostic } from "../diag/diagnostic.ts";
import { optional } from "../diag/optional.ts";
import type { Change, FieldChange, Plan } from "../plan/plan.ts";
import { formatAddr } from "../resource/address.ts";
import type { JsonLine } from "./json_lines.ts";
import type { ProvisionLine } from "./provision.ts";

/** Returns the first line of `apply --json` and `destroy --json`: the plan. */
export function planLine(
  plan: Plan,
  needs: readonly ProvisionLine[],
  warnings: readonly Diagnostic[],
): JsonLine {
  return { type: "plan", ...planValue(plan, needs, warnings) };
}

/** Returns the whole plan, as `check --json` prints it and as `apply --json` starts with. */
export function planValue(
  plan: Plan,
  needs: readonly ProvisionLine[],
  warnings: readonly Diagnostic[],
): object {
  return {
    format: 1,
    project: plan.project,
    infra: plan.infraId,
    changes: plan.changes.map(changeJson),
    unchanged: plan.unchanged,
    provision: needs.map(({ machine, reasons }) => ({ machine, reasons })),
    held: plan.held.map(({ addr, domain, diagnostic }) => ({
      resource: formatAddr(addr),
      ...optional({ domain }),
      diagnostic,
    })),
    orphans: plan.orphans.map(({ addr, ...rest }) => ({ resource: formatAddr(addr), ...rest })),
    ...optional({
      strangers: plan.strangers?.map(({ addr, ...rest }) => ({
        resource: formatAddr(addr),
        ...rest,
      })),
      leftOpen: plan.leftOpen?.map(({ addr, domain, why, fields }) => ({
        resource: formatAddr(addr),
        domain,
        why,
        fields: fields.map(fieldJson),
      })),
    }),
    diagnostics: [...warnings, ...plan.diagnostics],
  };
}

function changeJson(change: Change) {
  return {
    resource: formatAddr(change.addr),
    kind: change.addr.kind,
    ...optional({ domain: change.domain }),
    action: change.action,
    effect: change.effect,
    reason: change.reason,
    needsForce: change.needsForce,
    ...optional({
      from: change.from && formatAddr(change.from),
      moves: change.moves?.map(({ from, to }) => ({ from: formatAddr(from), to: formatAddr(to) })),
      aside: change.aside && formatAddr(change.aside),
    }),
    fields: change.fields.map(fieldJson),
    dependsOn: change.dependsOn,
  };
}

function fieldJson({ path, before, after, effect, breach }: FieldChange) {
  return { path, before: before ?? null, after: after ?? null, effect, breach: breach ?? false };
}

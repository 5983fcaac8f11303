import type { Diagnostic } from "../diag/diagnostic.ts";
import type { Change, FieldChange, Plan } from "../plan/plan.ts";
import { formatAddr } from "../resource/address.ts";
import type { ProvisionLine } from "./provision.ts";
import { optional } from "../diag/optional.ts";

// The shapes that `--json` prints. docs/json.md documents them; `format` grows only if a key
// changes its meaning or is removed.

/** Returns a value as indented JSON that ends with a newline. */
export function jsonText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** Returns the output of `validate --json`; each reading verb prints it for faulty input. */
export function diagnosticsJson(diagnostics: readonly Diagnostic[]): string {
  return jsonText({ format: 1, diagnostics });
}

/** `check --json` */
export function planJson(
  plan: Plan,
  needs: readonly ProvisionLine[],
  warnings: readonly Diagnostic[],
): string {
  return jsonText(planValue(plan, needs, warnings));
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
    ...(plan.strangers === undefined ? {} : {
      strangers: plan.strangers.map(({ addr, ...rest }) => ({
        resource: formatAddr(addr),
        ...rest,
      })),
    }),
    ...(plan.leftOpen === undefined ? {} : {
      leftOpen: plan.leftOpen.map(({ addr, domain, why, fields }) => ({
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
    ...(change.from === undefined ? {} : { from: formatAddr(change.from) }),
    ...(change.moves === undefined ? {} : {
      moves: change.moves.map(({ from, to }) => ({ from: formatAddr(from), to: formatAddr(to) })),
    }),
    ...(change.aside === undefined ? {} : { aside: formatAddr(change.aside) }),
    fields: change.fields.map(fieldJson),
    dependsOn: change.dependsOn,
  };
}

function fieldJson({ path, before, after, effect, breach }: FieldChange) {
  return { path, before: before ?? null, after: after ?? null, effect, breach: breach ?? false };
}

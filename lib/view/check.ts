import type { Diagnostic } from "../diag/diagnostic.ts";
import type { SourceText } from "../diag/source.ts";
import type { Plan } from "../plan/plan.ts";
import { jsonText } from "./json.ts";
import { planText } from "./plan.ts";
import { planValue } from "./plan_json.ts";
import { type ProvisionLine, provisionText } from "./provision.ts";
import type { View } from "./view.ts";

/** What apply would do. */
interface Check {
  readonly plan: Plan;
  readonly needs: readonly ProvisionLine[];
  /** Besides those of the plan. */
  readonly warnings: readonly Diagnostic[];
  readonly sources: readonly SourceText[];
  /** Show each field of created resources, too. */
  readonly everyField: boolean;
  /** The present time in milliseconds since the epoch. */
  readonly now: number;
}

/** `check` */
export const checkView: View<Check> = {
  above: ({ plan, warnings, sources }) => ({
    diagnostics: [...warnings, ...plan.diagnostics],
    sources,
  }),
  text: ({ plan, needs, everyField, now }, style) =>
    planText(plan, style, { everyField, now, moreToDo: needs.length > 0 }) +
    provisionText(needs, style),
  json: ({ plan, needs, warnings }) => jsonText(planValue(plan, needs, warnings)),
};

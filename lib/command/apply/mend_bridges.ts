import { succeeded } from "../../apply/summarize.ts";
import type { Infra } from "../../infra/infra.ts";
import { createPlan } from "../../plan/create_plan.ts";
import { holdConflicts } from "../../plan/hold_conflicts.ts";
import { isLinkField } from "../../resource/bridge_link.ts";
import { reportText } from "../../view/report.ts";
import type { Live } from "../../live/open_live.ts";
import { desiredOn } from "../../live/run_forecast.ts";
import type { Session } from "../../session/session.ts";
import { runQuietly } from "./run_plan.ts";

/**
 * Restores settings of bridges that the host has lost, as an apply would, and changes nothing else.
 * If nothing is lost, it sends no request.
 * @param domains only these; undefined: all
 */
export async function mendBridges(
  infra: Infra,
  live: Live,
  session: Session,
  domains?: ReadonlySet<string>,
): Promise<"unneeded" | "mended" | "failed"> {
  // Machines of a disabled domain may still run.
  const enabled = infra.domains.map((domain) => ({ ...domain, enabled: true }));
  const desired = desiredOn(live, { ...infra, domains: enabled });
  const whole = holdConflicts(createPlan(desired, live.actual), live.conflicts);
  const changes = whole.changes.filter(({ addr, action, domain, fields }) =>
    addr.kind === "network" && action === "update" && fields.some(isLinkField) &&
    (domains?.has(domain ?? "") ?? true)
  ).map((change) => ({ ...change, dependsOn: [] }));
  if (changes.length === 0) return "unneeded";
  const plan = { ...whole, changes, held: [], orphans: [], diagnostics: [], watchStarts: false };
  const report = await runQuietly(plan, live, { desired }, session);
  if (succeeded(report)) return "mended";
  session.terminal.out(reportText(report, session.out, "anklume network deploy"));
  return "failed";
}

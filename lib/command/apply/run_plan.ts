import { applyPlan } from "../../apply/apply_plan.ts";
import type { ApplyReport } from "../../apply/event.ts";
import { summarize } from "../../apply/summarize.ts";
import type { Live } from "../../live/open_live.ts";
import type { DesiredState } from "../../plan/desired_state.ts";
import type { Plan } from "../../plan/plan.ts";
import type { Session } from "../../session/session.ts";
import { tell } from "../../session/show.ts";
import { reportView } from "../../view/report.ts";
import { noteKeeper } from "./note_keeper.ts";
import { showProgress, withoutHeld } from "./show_progress.ts";

interface RunPlanOptions {
  /** The state after the plan; undefined: it only removes. */
  readonly desired?: DesiredState | undefined;
  /** Changes protected machines too. */
  readonly force?: boolean | undefined;
}

/**
 * Runs a plan to its end and reports the results. The report leaves out what the plan held back:
 * that was shown with the plan.
 *
 * @param command continues what failed: `anklume apply`
 */
export async function runPlan(
  plan: Plan,
  live: Live,
  options: RunPlanOptions & { readonly command: string },
  session: Session,
): Promise<ApplyReport> {
  const report = withoutHeld(await runQuietly(plan, live, options, session), plan);
  tell(reportView, { report, again: options.command }, session);
  await forgetDeletedBridges(live, report);
  return report;
}

/** The same without a report: shows only the progress. */
export async function runQuietly(
  plan: Plan,
  live: Live,
  { desired, force = false }: RunPlanOptions,
  session: Session,
): Promise<ApplyReport> {
  const events = applyPlan(plan, desired, {
    incus: live.incus,
    firewall: live.host.port(live.ruleset),
    signal: session.signal,
    force,
    beforeProjectGoes: noteKeeper(live, plan, force),
    cleanup: live.host.cleanup,
    bridges: live.bridges,
  });
  return summarize(await showProgress(plan, events, session));
}

/**
 * Removes bridges that the plan deleted from the ruleset. They had to stay in it until they were
 * gone, so this comes last.
 * @throws FirewallError
 */
async function forgetDeletedBridges(live: Live, report: ApplyReport): Promise<void> {
  const deleted = report.done.filter(({ addr, action }) =>
    addr.kind === "network" && action === "delete"
  );
  const gone = report.done.some(({ addr, action }) =>
    addr.kind === "firewall" && action === "delete"
  );
  if (deleted.length === 0 || gone) return;
  const ruleset = live.rulesetWithout(new Set(deleted.map(({ addr }) => addr.name)));
  if (ruleset.digest !== live.ruleset.digest) await live.host.port(ruleset).load();
}

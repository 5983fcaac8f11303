import { hasErrors } from "../../diag/diagnostic.ts";
import { printable } from "../../diag/terminal_text.ts";
import { systemClock } from "../../host/clock.ts";
import type { Live } from "../../live/open_live.ts";
import type { RunForecast } from "../../live/run_forecast.ts";
import { type LivingInfra, livingText } from "../../plan/ownership.ts";
import { agree, confirmByTyping } from "../../session/confirm.ts";
import { EXIT, type ExitStatus } from "../../session/exit_status.ts";
import type { Session } from "../../session/session.ts";
import { consentText } from "../../view/consent.ts";
import { disruptive, planText } from "../../view/plan.ts";
import { provisionText } from "../../view/provision.ts";
import { complaint, hang } from "../../view/text.ts";
import { count } from "../../view/number_text.ts";
import type { Workspace } from "../../workspace/load_workspace.ts";
import type { ApplyFlags } from "./apply_flags.ts";

/**
 * Returns the question whether the infra of this name on the host is this one, for a lost lock.
 * undefined: there is nobody to ask. `--yes` does not answer it.
 */
export function takeOverQuestion(
  { infra }: Workspace,
  session: Session,
): ((namesake: LivingInfra) => Promise<boolean>) | undefined {
  const { terminal, out } = session;
  if (!terminal.interactive) return undefined;
  return async (namesake) => {
    const here = `infra.lock.yml is missing, and an infra of this name exists on this host: ${
      livingText(namesake)
    }.`;
    terminal.out(`${hang("", printable(here), out.width)}\n`);
    const question = "Is it this infra? If so, anklume changes it to match this infra.yml.";
    return await confirmByTyping(question, infra.projectName, session) === "yes";
  };
}

/**
 * Shows the plan and asks for consent if it is needed; undefined: go on. Otherwise nothing was
 * changed.
 */
export async function agreeToPlan(
  live: Live,
  forecast: RunForecast,
  options: ApplyFlags,
  session: Session,
): Promise<ExitStatus | undefined> {
  if (options.provision) return undefined;
  return refusal(live, forecast, options, session) ?? await consent(forecast, options, session);
}

/** Reports why nothing may be changed; undefined: go on. */
function refusal(
  live: Live,
  { plan }: RunForecast,
  options: ApplyFlags,
  { terminal, out }: Session,
): ExitStatus | undefined {
  // The errors have been shown, and their last line says that nothing was changed.
  if (hasErrors(plan.diagnostics)) return EXIT.failed;
  if (live.actual.firewall.state === "unknown") {
    // In an admin container, only the host can answer this.
    const [why, remedy] = live.admin.self.size > 0
      ? [
        live.actual.firewall.differences[0] ?? "the host did not answer",
        "On the host, in this workspace: `sudo anklume host install`, and `anklume host status`.",
      ]
      : [
        "only root can read whether the firewall is loaded",
        "Run the same command as root, or with sudo.",
      ];
    terminal.err(complaint(`Nothing was changed: ${why}.`, remedy, out.width));
    return EXIT.failed;
  }
  const protectedOnes = plan.changes.filter(({ needsForce }) => needsForce);
  if (protectedOnes.length > 0 && !options.force) {
    const text = `${count(protectedOnes.length, "change")} of protected machines left out: ` +
      "only with --force.\n";
    terminal.err(out.colors.yellow(text));
  }
  return undefined;
}

/** Shows the plan and asks for consent if it is needed; undefined: go on. */
async function consent(
  { plan, needs }: RunForecast,
  options: ApplyFlags,
  session: Session,
): Promise<ExitStatus | undefined> {
  const { terminal, out } = session;
  if (plan.changes.length + plan.held.length + plan.orphans.length > 0) {
    const forced = options.force ?? false;
    terminal.out(planText(plan, out, { forced, now: systemClock(), moreToDo: needs.length > 0 }));
    if (!options.infra) terminal.out(provisionText(needs, out));
    terminal.out("\n");
  }
  const hurts = disruptive(plan).filter(({ needsForce }) => !needsForce || options.force);
  if (hurts.length === 0) return undefined;
  if (terminal.interactive && !options.yes) terminal.out(consentText(hurts, out));
  return await agree({ question: "Go on?", untouched: "Nothing was changed." }, options, session);
}

import { hasErrors } from "../../diag/diagnostic.ts";
import { openLive } from "../../live/open_live.ts";
import { createRunForecast } from "../../live/run_forecast.ts";
import type { Session } from "../../session/session.ts";
import type { LiveMachine } from "../../snapshot/live_machine.ts";
import { planText } from "../../view/plan.ts";
import { provisionText } from "../../view/provision.ts";
import type { Workspace } from "../../workspace/load_workspace.ts";

/** Shows what infra.yml requires of the restored machines that the set does not have. */
export async function sayDrift(
  workspace: Workspace,
  machines: readonly LiveMachine[],
  session: Session,
): Promise<void> {
  await using live = await openLive(workspace, session);
  if (live === undefined) return;
  const { plan, needs } = await createRunForecast(workspace, live, {});
  const restored = new Set(machines.map(({ name }) => name));
  const changes = plan.changes.filter(({ addr }) =>
    addr.kind === "instance" && restored.has(addr.name)
  );
  const provision = needs.filter(({ machine }) => restored.has(machine));
  if (changes.length + provision.length === 0 || hasErrors(plan.diagnostics)) return;
  const { terminal, out } = session;
  const what = changes.length === 0
    ? "Still to be provisioned, by `anklume apply`:"
    : "infra.yml has changed since the set was taken; `anklume apply` applies it again:";
  terminal.out(`\n${what}\n`);
  const seen = { ...plan, changes, held: [], orphans: [], diagnostics: [] };
  if (changes.length > 0) terminal.out(planText(seen, out));
  terminal.out(provisionText(provision, out));
}

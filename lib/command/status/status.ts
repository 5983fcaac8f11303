import { show } from "../../session/show.ts";
import type { Network } from "../../incus/wire/network.ts";
import { hasErrors } from "../../diag/diagnostic.ts";
import { statusView } from "../../view/status.ts";
import { buildStatus } from "../../view/build_status.ts";
import { EXIT, type ExitStatus } from "../../session/exit_status.ts";
import type { EarlyRequests } from "../../live/early_requests.ts";
import { HostReading } from "../../live/host_reading.ts";
import { createRunForecast } from "../../live/run_forecast.ts";
import type { Session } from "../../session/session.ts";
import { showDiagnostics } from "../../session/show_diagnostics.ts";
import { withWorkspace } from "../../workspace/with_workspace.ts";
import { withLive } from "../../live/with_live.ts";

/** Shows the state of the host, firewall first. */
export async function status(
  options: { readonly json?: true },
  session: Session,
  start: EarlyRequests<readonly Network[]>,
): Promise<ExitStatus> {
  using reading = new HostReading(start);
  return await withWorkspace(session, options, async (workspace) => {
    return await withLive(workspace, session, { ...options, reading }, async (live) => {
      const { plan, needs } = await createRunForecast(workspace, live, {});
      const { addressing, actual, conflicts, sources } = live;
      // Errors that prevent an apply are shown here; warnings are left to check.
      const errors = plan.diagnostics.filter(({ severity }) => severity === "error");
      const taken = live.ports.filter(({ code }) => code === "PUBLISH_TAKEN");
      const seen = {
        ...buildStatus(workspace.infra, addressing, actual, plan, needs, conflicts, sources),
        ...(taken.length === 0 ? {} : { ports: taken.map(({ summary }) => summary) }),
        ...(errors.length === 0 ? {} : { errors: errors.length }),
      };
      show(statusView, seen, options, session);
      if (!options.json && hasErrors(errors)) showDiagnostics(errors, workspace.sources, session);
      return EXIT.done;
    });
  });
}

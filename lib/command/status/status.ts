import { show } from "../../session/show.ts";
import type { Network } from "../../incus/wire/network.ts";
import { optional } from "../../diag/optional.ts";
import { statusView } from "../../view/status.ts";
import { buildStatus } from "../../view/build_status.ts";
import { EXIT, type ExitStatus } from "../../session/exit_status.ts";
import type { EarlyRequests } from "../../live/early_requests.ts";
import { HostReading } from "../../live/host_reading.ts";
import { createRunForecast } from "../../live/run_forecast.ts";
import type { Session } from "../../session/session.ts";
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
        ...optional({
          ports: taken.length === 0 ? undefined : taken.map(({ summary }) => summary),
          errors: errors.length === 0 ? undefined : errors.length,
        }),
        findings: { diagnostics: errors, sources: workspace.sources },
      };
      await show(statusView, seen, options, session);
      return EXIT.done;
    });
  });
}

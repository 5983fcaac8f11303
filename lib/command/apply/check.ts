import type { Network } from "../../incus/wire/network.ts";
import { hasErrors } from "../../diag/diagnostic.ts";
import { systemClock } from "../../host/clock.ts";
import { checkView } from "../../view/check.ts";
import { EXIT, type ExitStatus } from "../../session/exit_status.ts";
import type { EarlyRequests } from "../../live/early_requests.ts";
import { HostReading } from "../../live/host_reading.ts";
import { createRunForecast, isPending } from "../../live/run_forecast.ts";
import type { TakeOver } from "../../workspace/resolve_addressing.ts";
import { selectDomains } from "../../workspace/select_domains.ts";
import type { Session } from "../../session/session.ts";
import { show } from "../../session/show.ts";
import { withWorkspace } from "../../workspace/with_workspace.ts";
import { withLive } from "../../live/with_live.ts";

interface CheckOptions extends TakeOver {
  readonly domain: readonly string[];
  readonly json?: true;
  readonly exitCode?: true;
  readonly fields?: true;
}

/** Shows what apply would do: the very plan that apply runs. */
export async function check(
  options: CheckOptions,
  session: Session,
  start: EarlyRequests<readonly Network[]>,
): Promise<ExitStatus> {
  using reading = new HostReading(start);
  return await withWorkspace(session, options, async (workspace) => {
    const domains = selectDomains(workspace.infra, options.domain);
    return await withLive(workspace, session, { ...options, reading }, async (live) => {
      const forecast = await createRunForecast(workspace, live, { domains });
      await live.accepted();
      const { plan, needs, conflicts, warnings } = forecast;
      const seen = {
        plan,
        needs,
        warnings: [...conflicts, ...warnings],
        sources: workspace.sources,
        everyField: options.fields ?? false,
        now: systemClock(),
      };
      await show(checkView, seen, options, session);
      if (hasErrors([...conflicts, ...plan.diagnostics])) return EXIT.failed;
      return options.exitCode && isPending(forecast) ? EXIT.pending : EXIT.done;
    });
  });
}

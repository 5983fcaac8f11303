import type { FoundMachine } from "../../live/find_machines.ts";
import type { Live } from "../../live/open_live.ts";
import { desiredOn } from "../../live/run_forecast.ts";
import { createPlan } from "../../plan/create_plan.ts";
import { isolationBreaches } from "../../plan/isolation_breaches.ts";
import { MARK } from "../../resource/mark.ts";
import type { Session } from "../../session/session.ts";
import { UserError } from "../../session/user_error.ts";
import type { Workspace } from "../../workspace/load_workspace.ts";
import { mendBridges } from "../apply/mend_bridges.ts";

/**
 * Makes sure that machines start behind the complete firewall of infra.yml, and with a gateway and
 * a name server.
 *
 * @returns true if started machines must be checked again: one may die in its first seconds
 * @throws FirewallError, UserError: no machine was changed
 */
export async function prepareStart(
  places: readonly FoundMachine[],
  { workspace: { infra }, live }: { readonly workspace: Workspace; readonly live: Live },
  session: Session,
): Promise<boolean> {
  const { addressing, actual, ruleset, host } = live;
  // A disabled domain keeps its rules: they are checked too.
  const domains = infra.domains.map((domain) => ({ ...domain, enabled: true }));
  const plan = createPlan(desiredOn(live, { ...infra, domains }), actual);
  const breaches = isolationBreaches(plan, addressing, places);
  if (breaches.length > 0) {
    throw new UserError(
      `Not started (BREACH), because the isolation has an opening: ${breaches.join("; ")}`,
      "`anklume check` shows it, `anklume apply` closes it",
    );
  }
  const half = places.find(({ instance: { project, name, config } }) =>
    MARK.detached in config ||
    plan.changes.some(({ addr, from }) =>
      from !== undefined && addr.project === project && addr.name === name
    )
  );
  if (half !== undefined) {
    throw new UserError(
      `Not started: ${half.machine.name} was being moved, and the move is not finished`,
      "`anklume apply` continues the move",
    );
  }
  await host.port(ruleset).verify();
  const concerned = new Set(places.map(({ domain }) => domain.name));
  if (await mendBridges(infra, live, session, concerned) === "failed") {
    throw new UserError(
      "Not started: a bridge could not be set up",
      "`anklume doctor` looks for the cause",
    );
  }
  return plan.watchStarts;
}

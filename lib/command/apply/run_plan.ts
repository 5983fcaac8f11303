import type { ApplyReport } from "../../apply/event.ts";
import type { Live } from "../../live/open_live.ts";

/**
 * Takes bridges that the plan deleted out of the ruleset: until then they had to stay in it, so this comes last.
 * @throws FirewallError
 */
export async function forgetDeletedBridges(live: Live, report: ApplyReport): Promise<void> {
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

import { succeeded } from "../../apply/summarize.ts";
import { systemClock } from "../../host/clock.ts";
import { createDestroyPlan } from "../../plan/destroy_plan.ts";
import { readDetails } from "../../plan/read_details.ts";
import { domainOf, ownedResources } from "../../plan/orphans.ts";
import { holdSelf } from "../../plan/hold_self.ts";
import type { Plan } from "../../plan/plan.ts";
import type { ActualResource } from "../../resource/resource.ts";
import { planLine } from "../../view/plan_json.ts";
import { planText } from "../../view/plan.ts";
import { agree } from "../../session/confirm.ts";
import { EXIT, type ExitStatus } from "../../session/exit_status.ts";
import { runPlan } from "./run_plan.ts";
import { withJsonLines } from "../../session/json_session.ts";
import type { Live } from "../../live/open_live.ts";
import { selectDomains } from "../../workspace/select_domains.ts";
import type { Session } from "../../session/session.ts";
import type { Workspace } from "../../workspace/load_workspace.ts";
import { withWorkspace } from "../../workspace/with_workspace.ts";
import { withLive } from "../../live/with_live.ts";
import { optional } from "../../diag/optional.ts";

interface DestroyFlags {
  readonly domain: readonly string[];
  readonly force?: true;
  readonly yes?: true;
  readonly json?: true;
}

/**
 * Removes the resources with this infra's mark. Protected ones stay and are named; the workspace's
 * files stay too.
 */
export function destroy(options: DestroyFlags, session: Session): Promise<ExitStatus> {
  const { json } = options;
  return withJsonLines(
    json,
    session,
    (shown) =>
      withWorkspace(
        shown,
        { json, locks: true },
        (workspace) => destroyOnce(workspace, options, shown, 1),
      ),
  );
}

/**
 * Most readings of the host: it is read again if requests of a killed run are still being carried
 * out.
 */
const ROUNDS = 3;

async function destroyOnce(
  workspace: Workspace,
  options: DestroyFlags,
  session: Session,
  round: number,
): Promise<ExitStatus> {
  return await withLive(workspace, session, options, async (live) => {
    const destruction = await planDestruction(workspace, live, options);
    const { plan, owned, isWhole } = destruction;
    if (round < ROUNDS && await waitForChanges(owned, live, session)) {
      return await destroyOnce(workspace, options, session, round + 1);
    }
    session.emit?.(planLine(plan, [], []));
    if (plan.changes.length + plan.held.length > 0) {
      return await carryOut(destruction, live, options, session);
    }
    if (isWhole && owned.length === 0 && live.actual.firewall.foreign !== true) {
      await live.host.port(live.ruleset).remove();
    }
    session.terminal.out(`${plan.project}: there is nothing to remove on this host.\n`);
    return EXIT.done;
  });
}

/** What would be removed. */
interface Destruction {
  readonly plan: Plan;
  /** All resources of the infra, whatever the plan is limited to. */
  readonly owned: readonly ActualResource[];
  /** It is not limited to some domains. */
  readonly isWhole: boolean;
  /** In an admin container: something is left to the host. */
  readonly spared: boolean;
}

async function planDestruction(
  { infra }: Workspace,
  live: Live,
  options: DestroyFlags,
): Promise<Destruction> {
  const owned = ownedResources(live.owner, live.actual);
  const gone = owned.map((resource) => domainOf(resource).domain ?? "");
  const domains = selectDomains(infra, options.domain, gone);
  const whole = createDestroyPlan(live.owner, await readDetails(live.incus, live.actual), {
    ...optional({ domains }),
    force: options.force ?? false,
  });
  // In an admin container, this container and the resources that it needs are left to the host.
  const plan = holdSelf(whole, live.admin.self);
  const spared = plan.held.length > whole.held.length;
  return { plan, owned, isWhole: domains === undefined, spared };
}

/**
 * Waits for requests that Incus is still carrying out; returns true if there were any. A machine
 * that is just being created would appear after the removal.
 */
async function waitForChanges(
  owned: readonly ActualResource[],
  { incus }: Live,
  { signal }: Session,
): Promise<boolean> {
  const projects = new Set(
    owned.flatMap(({ kind, addr }) => kind === "project" ? [addr.name] : []),
  );
  return projects.size > 0 && await incus.waitForOperations(projects, signal);
}

/** Shows the plan, asks, and removes. */
async function carryOut(
  { plan, spared }: Destruction,
  live: Live,
  options: DestroyFlags,
  session: Session,
): Promise<ExitStatus> {
  const { terminal, out } = session;
  if (live.actual.firewall.state === "unknown") {
    terminal.err(
      "anklume: Nothing was changed: only root can remove the firewall.\n" +
        "         Run the same command as root, or with sudo.\n",
    );
    return EXIT.failed;
  }
  const forced = options.force ?? false;
  terminal.out(`${planText(plan, out, { forced, now: systemClock() })}\n`);
  if (plan.changes.length === 0) {
    terminal.out(
      spared
        ? "Nothing was removed: this works only on the host.\n"
        : "Nothing was removed: protected machines are removed only with --force.\n",
    );
    return spared ? EXIT.failed : EXIT.done;
  }
  const consent = {
    question: "This cannot be undone.",
    typed: plan.project,
    untouched: "Nothing was removed.",
  };
  const refused = await agree(consent, options, session);
  if (refused !== undefined) return refused;
  const removed = await remove(plan, live, options, session);
  return spared && removed === EXIT.done ? EXIT.failed : removed;
}

async function remove(
  plan: Plan,
  live: Live,
  options: DestroyFlags,
  session: Session,
): Promise<ExitStatus> {
  const { force } = options;
  const report = await runPlan(plan, live, { force, command: "anklume destroy" }, session);
  if (report.interrupted) return EXIT.interrupted;
  return succeeded(report) ? EXIT.done : EXIT.failed;
}

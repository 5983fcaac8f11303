import { succeeded } from "../../apply/summarize.ts";
import { isChange } from "../../ansible/plan_sync.ts";
import type { Network } from "../../incus/wire/network.ts";
import { hasErrors } from "../../diag/diagnostic.ts";
import { planLine } from "../../view/plan_json.ts";
import { syncSummary } from "../../view/sync.ts";
import { count } from "../../view/number_text.ts";
import { EXIT, type ExitStatus } from "../../session/exit_status.ts";
import { runPlan } from "./run_plan.ts";
import type { EarlyRequests } from "../../live/early_requests.ts";
import { HostReading } from "../../live/host_reading.ts";
import { type Live, openLive } from "../../live/open_live.ts";
import { createRunForecast, type RunForecast } from "../../live/run_forecast.ts";
import { selectDomains } from "../../workspace/select_domains.ts";
import type { Session } from "../../session/session.ts";
import { showDiagnostics } from "../../session/show_diagnostics.ts";
import { writeTree } from "../../workspace/ansible_tree.ts";
import type { Workspace } from "../../workspace/load_workspace.ts";
import { withWorkspace } from "../../workspace/with_workspace.ts";
import { optional } from "../../diag/optional.ts";
import { endLeftovers, thawAfterFirewall, waitForKilledRun } from "./leftovers.ts";
import { agreeToPlan, takeOverQuestion } from "./apply_consent.ts";
import type { ApplyFlags } from "./apply_flags.ts";

/** Most plans of one apply: it plans again if another program works on the same resources. */
const ROUNDS = 3;

/**
 * Makes the host what infra.yml says: runs the plan of `check`, writes the tree, then runs Ansible.
 */
export async function apply(
  options: ApplyFlags,
  session: Session,
  start: EarlyRequests<readonly Network[]>,
): Promise<ExitStatus> {
  using reading = new HostReading(start);
  const hold = await start.hold;
  return await withWorkspace(
    session,
    { json: options.json, hold },
    (workspace) => applyOnce(workspace, options, session, 1, reading),
  );
}

/** Reads the host once and applies; starts another round if a new plan is needed. */
async function applyOnce(
  workspace: Workspace,
  options: ApplyFlags,
  session: Session,
  round: number,
  reading?: HostReading,
): Promise<ExitStatus> {
  const domains = selectDomains(workspace.infra, options.domain);
  await using live = await openLive(workspace, session, {
    ...options,
    ...optional({ reading, isThisOne: takeOverQuestion(workspace, session) }),
  });
  if (live === undefined) return EXIT.wrongInput;
  const forecast = await createRunForecast(workspace, live, {
    domains,
    prune: options.prune ?? false,
    force: options.force ?? false,
    always: options.provision ?? false,
  });
  // It is settled which infra this is: another round does not ask again, nor treat what this round
  // created as a stranger's.
  const known = { ...workspace, lock: live.lock };
  const again = () => applyOnce(known, options, session, round + 1);
  if (round < ROUNDS && await waitForKilledRun(forecast.plan, live, session)) return await again();

  const refused = showFindings(workspace, forecast, options, session) ??
    await agreeToPlan(live, forecast, options, session);
  if (refused !== undefined) return refused;
  if (session.signal.aborted) return EXIT.interrupted;
  const mayReplan = !options.provision && round < ROUNDS;
  if (await endLeftovers(live, mayReplan, session)) return await again();

  await writeWorkspace(forecast, live, options, session);
  const before = options.snapshot
    ? await (await import("./apply_snapshot.ts")).snapshotBefore(live, forecast, options, session)
    : undefined;
  if (before !== undefined && before.status !== EXIT.done) return before.status;
  const status = await carryOut({ workspace: known, live, forecast, round }, options, session);
  if (status === EXIT.done && !options.provision) await thawAfterFirewall(live, session);
  if (before?.back !== undefined) session.terminal.out(`To go back: \`${before.back}\`.\n`);
  if (status !== EXIT.done) return status;
  // All that can work on this host was done, but more was requested.
  if (forecast.conflicts.length > 0) return EXIT.failed;
  return options.baseline
    ? await (await import("./apply_snapshot.ts")).takeBaseline(live, forecast, domains, session)
    : status;
}

/** Shows errors, warnings and conflicts; undefined: go on. */
function showFindings(
  { sources }: Workspace,
  { plan, needs, warnings, conflicts }: RunForecast,
  options: ApplyFlags,
  session: Session,
): ExitStatus | undefined {
  // Errors that stop the plan do not stop a run that only provisions.
  const found = options.provision ? warnings : [...warnings, ...plan.diagnostics];
  session.emit?.(planLine(plan, needs, [...conflicts, ...warnings]));
  const closing = conflicts.length > 0 && !hasErrors(found)
    ? "Changes to these domains are held back."
    : undefined;
  showDiagnostics([...conflicts, ...found], sources, session, closing);
  return hasErrors(warnings) ? EXIT.wrongInput : undefined;
}

/** Writes the tree and the lock, and makes sure that nft accepts the rules. */
async function writeWorkspace(
  { tree }: RunForecast,
  live: Live,
  options: ApplyFlags,
  { terminal }: Session,
): Promise<void> {
  await writeTree(tree, live.lock);
  // The check by nft began when the ruleset was rendered: it runs while the tree is written.
  if (!options.provision) await live.accepted();
  if (tree.plan.entries.some(isChange)) terminal.out(`${syncSummary(tree.plan.entries)}\n`);
}

/** One round of an apply: the data of its plan, and its number. */
interface Round {
  readonly workspace: Workspace;
  readonly live: Live;
  readonly forecast: RunForecast;
  readonly round: number;
}

/** Converges, then provisions, as requested. */
async function carryOut(
  { workspace, live, forecast, round }: Round,
  options: ApplyFlags,
  session: Session,
): Promise<ExitStatus> {
  const { needs } = forecast;
  const { terminal } = session;
  const built = options.provision ? EXIT.done : await converge(live, forecast, options, session);
  if (built === "again") {
    if (round < ROUNDS) {
      terminal.out("Something else made a change in the meantime: planning again.\n\n");
      // This round takes the sets before and after; the next one does not.
      const { snapshot: _before, baseline: _after, ...rest } = options;
      return await applyOnce(workspace, rest, session, round + 1);
    }
    return EXIT.failed;
  }
  if (session.signal.aborted) return EXIT.interrupted;
  if (needs.length === 0) {
    const idle = !hasWork(forecast) && forecast.conflicts.length === 0;
    if (built === EXIT.done && idle) terminal.out("Everything is up to date.\n");
    return built;
  }
  if (options.infra) {
    terminal.out(`Not provisioned (--infra): ${count(needs.length, "machine")}.\n`);
    return built;
  }
  session.emit?.({ type: "provision", machines: needs.map(({ machine }) => machine) });
  const { provisionMachines } = await import("./provision_machines.ts");
  const provisioned = await provisionMachines(workspace, live, forecast, options, session);
  return built === EXIT.done ? provisioned : built;
}

/**
 * Runs the plan and reports the result. `again`: another program's changes make a new plan
 * necessary.
 */
async function converge(
  live: Live,
  { plan, desired }: RunForecast,
  options: ApplyFlags,
  session: Session,
): Promise<ExitStatus | "again"> {
  if (plan.changes.length + plan.held.length === 0) return EXIT.done;
  const { force } = options;
  const report = await runPlan(plan, live, { desired, force, command: "anklume apply" }, session);
  if (report.interrupted) return EXIT.interrupted;
  if (report.failed.length > 0 && report.failed.every((each) => each.changedMeanwhile)) {
    return "again";
  }
  return succeeded(report) && plan.held.length === 0 ? EXIT.done : EXIT.failed;
}

function hasWork({ plan }: RunForecast): boolean {
  return plan.changes.length + plan.held.length > 0;
}

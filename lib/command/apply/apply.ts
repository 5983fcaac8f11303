import { succeeded } from "../../apply/summarize.ts";
import { isChange } from "../../ansible/plan_sync.ts";
import type { Network } from "../../incus/wire/network.ts";
import { hasErrors } from "../../diag/diagnostic.ts";
import { systemClock } from "../../host/clock.ts";
import { type LivingInfra, livingText } from "../../plan/ownership.ts";
import type { Plan } from "../../plan/plan.ts";
import { removeStandIns, standInNames } from "../../snapshot/stand_in.ts";
import { anyLeftFrozen } from "../../snapshot/thaw.ts";
import { planValue } from "../../view/json.ts";
import { planLine } from "../../view/json_lines.ts";
import { consentText } from "../../view/consent.ts";
import { disruptive, planText } from "../../view/plan.ts";
import { provisionText } from "../../view/provision.ts";
import { syncSummary } from "../../view/sync.ts";
import { complaint, count, hang, printable } from "../../view/text.ts";
import { agree, confirmByTyping } from "../../session/confirm.ts";
import { EXIT, type ExitStatus } from "../../session/exit_status.ts";
import { runPlan } from "./run_plan.ts";
import type { EarlyRequests } from "../../live/early_requests.ts";
import { HostReading } from "../../live/host_reading.ts";
import { type Live, openLive } from "../../live/open_live.ts";
import { createRunForecast, type RunForecast } from "../../live/run_forecast.ts";
import type { ProvisionOptions } from "./provision_machines.ts";
import type { TakeOver } from "../../workspace/resolve_addressing.ts";
import { selectDomains } from "../../workspace/select_domains.ts";
import type { Session } from "../../session/session.ts";
import { showDiagnostics } from "../../session/show_diagnostics.ts";
import { writeTree } from "../../workspace/ansible_tree.ts";
import type { Workspace } from "../../workspace/load_workspace.ts";
import { withWorkspace } from "../../workspace/with_workspace.ts";
import { optional } from "../../diag/optional.ts";

export interface ApplyFlags extends ProvisionOptions, TakeOver {
  readonly domain: readonly string[];
  readonly infra?: true;
  readonly provision?: true;
  readonly yes?: true;
  readonly force?: true;
  readonly prune?: true;
  readonly json?: true;
  readonly snapshot?: true;
  readonly baseline?: true;
}

/** Plans made anew because somebody else works on the same resources, before one gives up. */
const ROUNDS = 3;

/** Makes the host what infra.yml says: what `check` shows, then the tree, then Ansible. */
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
    ...optional({ reading }),
    ...(session.terminal.interactive && !options.json
      ? { isThisOne: (namesake: LivingInfra) => confirmTakeOver(workspace, namesake, session) }
      : {}),
  });
  if (live === undefined) return EXIT.wrongInput;
  // Whose this is has been said; another round does not ask again, nor take what this one made for a stranger's.
  const settledOn = { ...workspace, lock: live.lock };
  const outlook = await createRunForecast(workspace, live, {
    domains,
    prune: options.prune ?? false,
    force: options.force ?? false,
    always: options.provision ?? false,
  });
  const { plan, tree, needs, warnings, conflicts } = outlook;
  if (round < ROUNDS && await settled(plan, live, session)) {
    return await applyOnce(settledOn, options, session, round + 1);
  }
  // What keeps the plan from being run does not concern who only provisions.
  const found = options.provision ? warnings : [...warnings, ...plan.diagnostics];
  session.emit?.(planLine(planValue(plan, needs, [...conflicts, ...warnings])));
  const closing = conflicts.length > 0 && !hasErrors(found)
    ? "Changes to these domains are held back."
    : undefined;
  showDiagnostics([...conflicts, ...found], workspace.sources, session, closing);
  if (hasErrors(warnings)) return EXIT.wrongInput;
  if (!options.provision) {
    const refused = refusal(live, outlook, options, session);
    if (refused !== undefined) return refused;
    const refusedToo = await consent(outlook, options, session);
    if (refusedToo !== undefined) return refusedToo;
  }
  if (session.signal.aborted) return EXIT.interrupted;
  if (await endLeftovers(live, !options.provision && round < ROUNDS, session)) {
    return await applyOnce(settledOn, options, session, round + 1);
  }
  await writeTree(tree, live.lock);
  // Asked of nft when the ruleset was rendered: the tree took as long.
  if (!options.provision) await live.accepted();
  const { terminal } = session;
  if (tree.plan.entries.some(isChange)) terminal.out(`${syncSummary(tree.plan.entries)}\n`);
  const before = options.snapshot
    ? await (await import("./apply_snapshot.ts")).snapshotBefore(live, outlook, options, session)
    : undefined;
  if (before !== undefined && before.status !== EXIT.done) return before.status;
  const status = await carryOut({ workspace: settledOn, live, outlook, round }, options, session);
  // Nothing runs in front of a wall that does not stand: they waited for it.
  const waited = !isWalled(live) && anyLeftFrozen(live.actual.resources);
  if (waited && status === EXIT.done && !options.provision) await thaw(live, session);
  if (before?.back !== undefined) terminal.out(`To go back: \`${before.back}\`.\n`);
  // The rest was done; what was asked for was all of it.
  if (conflicts.length > 0 && status === EXIT.done) return EXIT.failed;
  return options.baseline && status === EXIT.done
    ? await (await import("./apply_snapshot.ts")).takeBaseline(live, outlook, domains, session)
    : status;
}

/** Somebody at a terminal may say that what lives here is this infra; `--yes` says it for nobody. */
async function confirmTakeOver(
  { infra }: Workspace,
  namesake: LivingInfra,
  session: Session,
): Promise<boolean> {
  const { terminal, out } = session;
  const here = `infra.lock.yml is missing, and an infra of this name lives on this host: ${
    livingText(namesake)
  }.`;
  terminal.out(`${hang("", printable(here), out.width)}\n`);
  const question = "If it is this one, it will be changed to what infra.yml says here.";
  return await confirmByTyping(question, infra.projectName, session) === "yes";
}

/**
 * What a killed run asked for goes on in the daemon: a machine that is just being moved stands in two places, and must not be taken
 * for an orphan in one of them. Asked only where a plan takes something away. @returns whether there was something to wait for
 */
async function settled(plan: Plan, { incus }: Live, { signal }: Session): Promise<boolean> {
  const twins = new Set(
    plan.orphans.filter(({ addr }) => addr.kind === "instance").map(({ addr }) => addr.name),
  );
  const risky = plan.changes.filter(({ addr, action, from, moves, aside }) =>
    (addr.kind === "instance" || addr.kind === "volume") &&
    (action === "delete" || action === "replace" || from !== undefined || moves !== undefined ||
      aside !== undefined || twins.has(addr.name))
  );
  if (risky.length === 0) return false;
  const places = risky.flatMap(({ addr, from }) => [addr.project, from?.project]);
  return await incus.waitForOperations(
    new Set(places.filter((place) => place !== undefined)),
    signal,
  );
}

/**
 * Ends what interrupted runs left, aloud: machines that a snapshot froze, and where it may, networks of a restore.
 * @returns whether the plan has to be made anew
 */
async function endLeftovers(live: Live, mayReplan: boolean, session: Session): Promise<boolean> {
  const { actual: { resources }, incus, owner } = live;
  const frozen = anyLeftFrozen(resources);
  const standIns = mayReplan ? standInNames(owner, resources) : [];
  if (!frozen && standIns.length === 0) return false;
  // Nothing is touched where nft refuses the rules.
  await live.accepted();
  const gone = standIns.length === 0 ? [] : await removeStandIns(incus, owner, resources, standIns);
  for (const name of gone) {
    session.terminal.out(`Removed the network ${name}, which an interrupted restore had left.\n`);
  }
  if (frozen && gone.length === 0 && isWalled(live)) await thaw(live, session);
  return gone.length > 0;
}

/** As it was when it was read. */
function isWalled({ actual: { firewall } }: Live): boolean {
  return firewall.state === "in-place";
}

async function thaw(live: Live, session: Session): Promise<void> {
  const { thawLeftFrozen } = await import("./apply_snapshot.ts");
  await thawLeftFrozen(live, session);
}

/** One round of an apply: what it was planned with, and how many plans there were before. */
interface Round {
  readonly workspace: Workspace;
  readonly live: Live;
  readonly outlook: RunForecast;
  readonly round: number;
}

/** Converges, then provisions, as asked. */
async function carryOut(
  { workspace, live, outlook, round }: Round,
  options: ApplyFlags,
  session: Session,
): Promise<ExitStatus> {
  const { needs } = outlook;
  const { terminal } = session;
  const built = options.provision ? EXIT.done : await converge(live, outlook, options, session);
  if (built === "again") {
    if (round < ROUNDS) {
      terminal.out("Something else made a change in the meantime: planning again.\n\n");
      // The sets before and after are this round's business.
      const { snapshot: _before, baseline: _after, ...rest } = options;
      return await applyOnce(workspace, rest, session, round + 1);
    }
    return EXIT.failed;
  }
  if (session.signal.aborted) return EXIT.interrupted;
  if (needs.length === 0) {
    const idle = !hasWork(outlook) && outlook.conflicts.length === 0;
    if (built === EXIT.done && idle) terminal.out("Everything is up to date.\n");
    return built;
  }
  if (options.infra) {
    terminal.out(`Not provisioned (--infra): ${count(needs.length, "machine")}.\n`);
    return built;
  }
  session.emit?.({ type: "provision", machines: needs.map(({ machine }) => machine) });
  const { provisionMachines } = await import("./provision_machines.ts");
  const provisioned = await provisionMachines(workspace, live, outlook, options, session);
  return built === EXIT.done ? provisioned : built;
}

/** Why nothing may be touched, said aloud; undefined: go on. */
function refusal(
  live: Live,
  { plan }: RunForecast,
  options: ApplyFlags,
  { terminal, out }: Session,
): ExitStatus | undefined {
  // They have been shown, and end with the words that nothing was changed.
  if (hasErrors(plan.diagnostics)) return EXIT.failed;
  if (live.actual.firewall.state === "unknown") {
    // In the admin container it is the host's to answer.
    const [why, remedy] = live.admin.self.size > 0
      ? [
        live.actual.firewall.differences[0] ?? "the host did not answer",
        "On the host, in this workspace, run `sudo anklume host install`, then `anklume host status`.",
      ]
      : [
        "only root can read whether the firewall is loaded",
        "Run the same command as root, or with sudo.",
      ];
    terminal.err(complaint(`Nothing was touched: ${why}.`, remedy, out.width));
    return EXIT.failed;
  }
  const protectedOnes = plan.changes.filter(({ needsForce }) => needsForce);
  if (protectedOnes.length > 0 && !options.force) {
    const text = `${count(protectedOnes.length, "change")} to protected machines left out: ` +
      "they need --force.\n";
    terminal.err(out.colors.yellow(text));
  }
  return undefined;
}

/** Shows the plan, and asks where somebody has to agree; undefined: go on. */
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
  return await agree({ question: "Go on?", untouched: "Nothing was touched." }, options, session);
}

/** Runs the plan; its report says what became of it. `again`: somebody else's edits ask for a new plan. */
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

import pLimit from "p-limit";
import { pullPlug, startInstance } from "../../apply/instance_io.ts";
import { findDead } from "../../apply/started_machines.ts";
import { sleep } from "../../host/clock.ts";
import { WorkspaceHold } from "../../host/workspace_lock.ts";
import { IncusError } from "../../incus/incus_error.ts";
import { createPlan } from "../../plan/create_plan.ts";
import { desiredState } from "../../plan/desired_state.ts";
import type { Plan } from "../../plan/plan.ts";
import type { PlacedMachine } from "../../infra/infra.ts";
import { instanceAddr } from "../../resource/instance.ts";
import { MARK } from "../../resource/mark.ts";
import { trustColor } from "../../view/style.ts";
import { count, duration, hang } from "../../view/text.ts";
import { confirm } from "../../session/confirm.ts";
import { EXIT, type ExitStatus } from "../../session/exit_status.ts";
import { type Live, openLive } from "../../live/open_live.ts";
import { findLive, type FoundMachine, selectMachines } from "../../live/find_machines.ts";
import { mendBridges } from "../apply/mend_bridges.ts";
import type { Session } from "../../session/session.ts";
import { isolationBreaches } from "../../plan/isolation_breaches.ts";
import { UserError } from "../../session/user_error.ts";
import { loadWorkspace, type Workspace } from "../../workspace/load_workspace.ts";

export type PowerAction = "start" | "stop" | "restart";

export interface PowerOptions {
  readonly yes?: true;
  /** Pulls the plug instead of asking the machine to shut down. */
  readonly force?: true;
  /** Seconds a machine may take to shut down. */
  readonly timeout: number;
}

const CONCURRENCY = 4;
const SETTLE_MS = 2500;

/** Starts, stops or restarts machines. Nothing is started unless the firewall has been read back and is the rendered one. */
export async function power(
  action: PowerAction,
  names: readonly string[],
  options: PowerOptions,
  session: Session,
): Promise<ExitStatus> {
  using hold = await WorkspaceHold.begin();
  const workspace = await loadWorkspace(session, { hold });
  if (workspace === undefined) return EXIT.wrongInput;
  const places = selectMachines(workspace.infra, names);
  await using live = await openLive(workspace, session);
  if (live === undefined) return EXIT.wrongInput;
  const wanted = await choose(action, names, places, workspace, live, session);
  if (wanted.length === 0) {
    session.terminal.out(`Nothing to ${action}.\n`);
    return EXIT.done;
  }
  refuseOwnGround(action, wanted, live);
  const chosen = action === "stop"
    ? wanted
    : withoutConflicts(action, names, wanted, live, session);
  if (names.length === 0 && action !== "start" && !options.yes) {
    const refused = await consent(action, chosen, session);
    if (refused !== undefined) return refused;
  }
  const run = new PowerRun(live, options, session);
  if (action !== "stop") {
    // A machine that may not be started again is not stopped either.
    await run.assertWalls(workspace, chosen);
    run.failed = chosen.length < wanted.length;
  }
  if (action === "stop") await run.stop(chosen, "stopped");
  else if (action === "start") await run.start(chosen, "started");
  else {
    const isDown = ({ instance }: FoundMachine) => instance.status === "Stopped";
    const stopped = await run.stop(chosen.filter((place) => !isDown(place)));
    const down = new Set([...stopped, ...chosen.filter(isDown)]);
    // Shutting down takes its time: the walls are looked at again.
    await live.host.port(live.ruleset).verify();
    await run.start(chosen.filter((place) => down.has(place)), "restarted");
  }
  hintAtApply(action, run.done, session);
  if (session.signal.aborted) return EXIT.interrupted;
  return run.failed ? EXIT.failed : EXIT.done;
}

/** @throws UserError where anklume would stop the machine that it runs in */
function refuseOwnGround(
  action: PowerAction,
  places: readonly FoundMachine[],
  { admin }: Live,
): void {
  const own = places.find(({ instance }) => admin.self.has(`${instance.project}/${instance.name}`));
  if (action === "start" || own === undefined) return;
  throw new UserError(
    `${own.machine.name} runs this very anklume: it does not ${action} the ground it stands on`,
    "Run the same command on the host, in the same workspace",
  );
}

/**
 * Those whose domain works on this host as it is; of the others it is said why they are left.
 * @throws UserError where one of the others was named, or nothing else is left: nothing was touched
 */
function withoutConflicts(
  action: PowerAction,
  names: readonly string[],
  places: readonly FoundMachine[],
  { conflicts }: Live,
  { terminal, err }: Session,
): FoundMachine[] {
  const held = new Map(conflicts.map(({ domain, diagnostic }) => [domain, diagnostic]));
  const left = places.filter(({ domain }) => held.has(domain.name));
  const told = held.get(left[0]?.domain.name ?? "");
  if (told === undefined) return [...places];
  const machines = left.map(({ machine }) => machine.name).join(", ");
  const text = `Not ${action}ed: ${machines}. ${told.summary}`;
  if (names.length > 0 || left.length === places.length) throw new UserError(text, told.remedy);
  terminal.err(`${hang(err.colors.red("anklume: "), `${text}.`, err.width)}\n`);
  return places.filter(({ domain }) => !held.has(domain.name));
}

/** The machines that the action is for: without names those it makes sense for, with names all that were named. */
async function choose(
  action: PowerAction,
  names: readonly string[],
  places: readonly PlacedMachine[],
  workspace: Workspace,
  live: Live,
  session: Session,
): Promise<FoundMachine[]> {
  const found = await findLive(live.incus, workspace, places, session.signal);
  if (names.length === 0) {
    return found.live.filter((place) =>
      action === "start"
        ? !runs(place) && place.machine.state !== "stopped" && place.domain.enabled
        : runs(place)
    );
  }
  if (found.absent.length > 0) {
    const absent = found.absent.map(({ machine }) => machine.name);
    throw new UserError(
      `Not on this host yet: ${absent.join(", ")}; nothing was touched`,
      "`anklume apply` makes what infra.yml declares",
    );
  }
  const already = found.live.filter((place) =>
    action === "start" ? runs(place) : action === "stop" && place.instance.status === "Stopped"
  );
  for (const place of already) {
    const state = action === "start" ? "runs already" : "is stopped already";
    session.terminal.out(`${shownName(place, session)} ${state}\n`);
  }
  return found.live.filter((place) => !already.includes(place));
}

class PowerRun {
  failed = false;
  readonly done: FoundMachine[] = [];
  readonly #live: Live;
  readonly #options: PowerOptions;
  readonly #session: Session;
  readonly #limit = pLimit(CONCURRENCY);
  #plan: Plan | undefined;

  constructor(live: Live, options: PowerOptions, session: Session) {
    this.#live = live;
    this.#options = options;
    this.#session = session;
  }

  /** @throws FirewallError, UserError: nothing was touched */
  async assertWalls({ infra }: Workspace, places: readonly FoundMachine[]): Promise<void> {
    const { addressing, actual, ruleset, host, admin } = this.#live;
    // The walls of a disabled domain are asked about too: it keeps its rules.
    const domains = infra.domains.map((domain) => ({ ...domain, enabled: true }));
    const desired = desiredState({ ...infra, domains }, addressing, {
      firewall: ruleset,
      admin: admin.mounts,
    });
    this.#plan = createPlan(desired, actual);
    const doors = isolationBreaches(this.#plan, addressing, places);
    if (doors.length > 0) {
      throw new UserError(
        `Not started (BREACH), since somebody opened a door in the isolation: ${doors.join("; ")}`,
        "`anklume check` shows it, `anklume apply` shuts it",
      );
    }
    const half = places.find(({ instance: { project, name, config } }) =>
      MARK.detached in config ||
      this.#plan?.changes.some(({ addr, from }) =>
        from !== undefined && addr.project === project && addr.name === name
      )
    );
    if (half !== undefined) {
      throw new UserError(
        `Not started: ${half.machine.name} was being moved, and only half of it has arrived`,
        "`anklume apply` carries it on",
      );
    }
    await host.port(ruleset).verify();
    // Without a gateway or a name server it would come up without an address.
    const concerned = new Set(places.map(({ domain }) => domain.name));
    if (await mendBridges(infra, this.#live, this.#session, concerned) === "failed") {
      throw new UserError(
        "Not started: a bridge could not be set up",
        "`anklume doctor` looks for who stands in its way",
      );
    }
  }

  /** Answers those that went down. */
  async stop(places: readonly FoundMachine[], word?: string): Promise<FoundMachine[]> {
    const down: FoundMachine[] = [];
    const { incus, host: { cleanup } } = this.#live;
    await this.#each(places, "stop", word, async ({ instance: { project, name, status } }) => {
      const { force, timeout } = this.#options;
      // Frozen or broken, it could not hear the request.
      if (force === true || status !== "Running") {
        const addr = instanceAddr(project, name);
        await pullPlug({ incus, cleanup, progress: () => {} }, addr, status);
      } else await incus.instances.setState(project, name, { action: "stop", timeout });
    }, (place) => down.push(place));
    return down;
  }

  async start(places: readonly FoundMachine[], word: string): Promise<void> {
    const { incus, host: { cleanup } } = this.#live;
    const started: FoundMachine[] = [];
    await this.#each(places, "start", word, async ({ instance }) => {
      const addr = instanceAddr(instance.project, instance.name);
      const status = word === "restarted" ? "Stopped" : instance.status;
      await startInstance({ incus, cleanup, progress: () => {} }, addr, status);
    }, (place) => started.push(place));
    if (this.#plan?.watchStarts && started.length > 0) await sleep(SETTLE_MS);
    const addrs = started.map(({ instance }) => instanceAddr(instance.project, instance.name));
    for (const { addr, status } of await findDead(incus, addrs)) {
      this.#fail(
        `Cannot keep ${addr.name} running: Incus started it, and it is ${status} now; ` +
          `incus info --show-log --project ${addr.project} ${addr.name}`,
      );
    }
  }

  async #each(
    places: readonly FoundMachine[],
    verb: string,
    word: string | undefined,
    act: (place: FoundMachine) => Promise<void>,
    succeeded: (place: FoundMachine) => void,
  ): Promise<void> {
    const { terminal, signal } = this.#session;
    await Promise.all(places.map((place) =>
      this.#limit(async () => {
        if (signal.aborted) return;
        const began = performance.now();
        try {
          await act(place);
        } catch (error) {
          if (!(error instanceof IncusError)) throw error;
          this.#fail(`Cannot ${verb} ${place.machine.name}: ${refusal(verb, error)}`);
          return;
        }
        succeeded(place);
        if (word === undefined) return;
        this.done.push(place);
        const time = duration(performance.now() - began);
        terminal.out(`${shownName(place, this.#session)} ${word} (${time})\n`);
      })
    ));
  }

  #fail(message: string): void {
    const { terminal, err } = this.#session;
    this.failed = true;
    terminal.err(`${hang(err.colors.red("anklume: "), `${message}.`, err.width)}\n`);
  }
}

function refusal(verb: string, error: IncusError): string {
  const words = `Incus answered ${error.status}: ${error.message}`;
  const slow = verb === "stop" && /shutdown|timed? ?out|deadline/i.test(error.message);
  return slow ? `${words}; --force pulls the plug, --timeout waits longer` : words;
}

/** infra.yml has the last word: who starts or stops against it should hear so. */
function hintAtApply(
  action: PowerAction,
  done: readonly FoundMachine[],
  { terminal, out }: Session,
): void {
  const against = done.filter(({ machine, domain }) =>
    domain.enabled && machine.state === (action === "stop" ? "running" : "stopped")
  );
  if (against.length === 0 || action === "restart") return;
  const names = against.map(({ machine }) => machine.name).join(", ");
  const [again, state] = action === "stop" ? ["starts", "running"] : ["stops", "stopped"];
  const text = `The next apply ${again} ${names} again, as infra.yml says (state: ${state}); ` +
    "`state: manual` leaves that to you.";
  terminal.out(`${hang("", text, out.width)}\n`);
}

async function consent(
  action: PowerAction,
  places: readonly FoundMachine[],
  session: Session,
): Promise<ExitStatus | undefined> {
  const { terminal } = session;
  const what = count(places.length, "running machine");
  switch (await confirm(`Really ${action} all ${what}?`, session)) {
    case "yes":
      return undefined;
    case "no":
      terminal.out("Nothing was touched.\n");
      return EXIT.failed;
    case "interrupted":
      terminal.out("Nothing was touched.\n");
      return EXIT.interrupted;
    case "no-one":
      terminal.err(
        `anklume: Nothing was touched: to ${action} all ${what} takes somebody's consent.\n` +
          "         Name machines or domains, or add --yes.\n",
      );
      return EXIT.failed;
  }
}

function runs({ instance }: FoundMachine): boolean {
  return instance.status === "Running";
}

function shownName({ machine, domain }: PlacedMachine, { out }: Session): string {
  return trustColor(out, domain.trustLevel)(machine.name);
}

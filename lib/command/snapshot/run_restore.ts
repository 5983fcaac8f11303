import { sleep, systemClock } from "../../host/clock.ts";
import { wake } from "../../apply/instance_io.ts";
import { createPlan } from "../../plan/create_plan.ts";
import { desiredState } from "../../plan/desired_state.ts";
import { hasNvidia } from "../../plan/actual_state.ts";
import { hasErrors } from "../../diag/diagnostic.ts";
import { type DesiredInstance, instanceAddr } from "../../resource/instance.ts";
import { type Inventory, readInventory } from "../../snapshot/inventory.ts";
import type { LiveMachine } from "../../snapshot/live_machine.ts";
import { planRestore, type RestorePlan } from "../../snapshot/plan_restore.ts";
import { restoreSet } from "../../snapshot/restore_set.ts";
import { addSpan } from "../../snapshot/set_name.ts";
import { wasInterrupted } from "../../snapshot/snapshot_set.ts";
import { planText } from "../../view/plan.ts";
import { provisionText } from "../../view/provision.ts";
import { contents } from "../../view/snapshot.ts";
import { failuresText } from "../../view/snapshot_progress.ts";
import { restoreLine } from "../../view/snapshot_lines.ts";
import { restoreText } from "../../view/snapshot_restore.ts";
import { complaint, duration, wrap } from "../../view/text.ts";
import { agree } from "../../session/confirm.ts";
import { EXIT, type ExitStatus } from "../../session/exit_status.ts";
import { findSet } from "./find_set.ts";
import { withJsonLines } from "../../session/json_session.ts";
import { type Live, openLive } from "../../live/open_live.ts";
import { selectMachines as selectPlaces } from "../../live/find_machines.ts";
import { isolationBreaches } from "../../plan/isolation_breaches.ts";
import { createRunForecast, desiredOn } from "../../live/run_forecast.ts";
import { isWholeScope, type ScopeOptions, selectScope } from "./scope.ts";
import { mendBridges } from "../apply/mend_bridges.ts";
import type { Session } from "../../session/session.ts";
import { finishInterrupted } from "../../live/open_snapshots.ts";
import { withProgress } from "./set_progress.ts";
import { freeTimeName, sayFull, takeAndSay } from "./take.ts";
import { UserError } from "../../session/user_error.ts";
import type { Workspace } from "../../workspace/load_workspace.ts";
import { withWorkspace } from "../../workspace/with_workspace.ts";
import { withLive } from "../../live/with_live.ts";

/** How a restore goes about it. */
export interface RestoreRequest extends ScopeOptions {
  readonly set: string;
  readonly yes?: true;
  readonly json?: true;
  /** Machines whose state of now is kept in a safety set. */
  readonly keeps: (machine: LiveMachine) => boolean;
  /** Whether somebody has to agree. */
  readonly asks: (machines: readonly LiveMachine[]) => boolean;
  /** The command, for advice: `anklume snapshot restore before`. */
  readonly again: string;
  /** What to do where there is no such set. */
  readonly missing?: string | undefined;
}

/** A safety set is worth something for some days; it must not fill the pool of who restores every day. */
export const SAFETY_EXPIRY = "7d";

/** Puts a set back, from the plan that is shown to the report. */
export function restore(request: RestoreRequest, session: Session): Promise<ExitStatus> {
  return withJsonLines(request.json, session, (shown) => restoreShown(request, shown));
}

async function restoreShown(request: RestoreRequest, session: Session): Promise<ExitStatus> {
  const { json } = request;
  return await withWorkspace(session, { json, locks: true }, async (workspace) => {
    return await withLive(workspace, session, { json }, async (live) => {
      const { incus } = live;
      const now = new Date();
      const read = () => readInventory(incus, live.owner, { now, signal: session.signal });
      const inventory = await finishInterrupted(incus, await read(), read, session);
      const set = findSet(request.set, inventory, request.missing);
      const scope = selectScope(workspace.infra, inventory, request);
      const plan = planRestore(set, inventory, scope, {
        wholeScope: isWholeScope(request),
        self: live.admin.self,
      });
      refuse(plan, workspace, request);

      const kept = plan.machines.filter(({ live }) => request.keeps(live));
      const safety = chooseSafety(plan, inventory, kept.map(({ live }) => live), now);
      const { terminal, out } = session;
      session.emit?.(restoreLine(plan, safety.name));
      terminal.out(restoreText({
        plan,
        safety: safety.name,
        ...(safety.noneBecause === undefined ? {} : { noSafetyBecause: safety.noneBecause }),
        now,
      }, out));
      if (live.actual.firewall.state === "unknown") {
        terminal.err(complaint(
          "Nothing was restored: whether the firewall stands can only be read by root.",
          "Run the same command as root, or with sudo.",
          session.err.width,
        ));
        return EXIT.failed;
      }
      const starts = plan.machines.some(({ runs }) => runs);
      if (starts && live.actual.firewall.state !== "in-place") {
        terminal.err(complaint(
          "Nothing was restored: the firewall does not stand as infra.yml asks, and no machine starts without it.",
          "`anklume apply` mends it.",
          session.err.width,
        ));
        return EXIT.failed;
      }
      refuseConflicts(plan, live);
      refuseDoors(plan, workspace, live);
      const concerned = new Set(plan.machines.map(({ live }) => live.project));
      if (starts && await mendBridges(workspace.infra, live, session, concerned) === "failed") {
        terminal.err(complaint(
          "Nothing was restored: a bridge could not be set up.",
          "`anklume doctor` looks for who stands in its way.",
          session.err.width,
        ));
        return EXIT.failed;
      }
      if (request.asks(plan.machines.map(({ live }) => live))) {
        const refused = await agree(
          { question: "Go back?", untouched: "Nothing was restored." },
          request,
          session,
        );
        if (refused !== undefined) return refused;
      }
      if (session.signal.aborted) return EXIT.interrupted;
      if (safety.name !== undefined && safety.take) {
        const status = await takeAndSay(
          incus,
          {
            name: safety.name,
            kind: "safety",
            at: now,
            expires: addSpan(now, SAFETY_EXPIRY),
            description: `before ${request.set}`,
            machines: kept.map(({ live }) => live),
          },
          inventory.pools,
          session,
        );
        if (status !== EXIT.done) {
          terminal.err("Nothing was restored.\n");
          return status;
        }
      }
      return await run(plan, safety.name, { workspace, live, inventory, request }, session);
    });
  });
}

/** btrfs gives back what was thrown away when it next writes its state down, every 30 s. */
const ROOM_AFTER_MS = 45_000;
const ROOM_POLL_MS = 5_000;

/** Waits for room, all machines together no longer than it may take to come back. */
function roomWaiter(signal: AbortSignal): () => Promise<boolean> {
  let until: number | undefined;
  return async () => {
    until ??= systemClock() + ROOM_AFTER_MS;
    if (systemClock() >= until) return false;
    return await sleep(ROOM_POLL_MS, signal).then(() => true, () => false);
  };
}

interface Run {
  readonly workspace: Workspace;
  readonly live: Live;
  readonly inventory: Inventory;
  readonly request: RestoreRequest;
}

async function run(
  plan: RestorePlan,
  safety: string | undefined,
  { workspace, live, inventory, request }: Run,
  session: Session,
): Promise<ExitStatus> {
  const { terminal, out, signal } = session;
  const { cleanup } = live.host;
  const began = performance.now();
  const firewall = live.host.port(live.ruleset);
  let standing: Promise<void> | undefined;
  const result = await withProgress(
    { set: plan.set.name, does: "restore", machines: plan.machines.map(({ live }) => live) },
    session,
    (onEvent) =>
      restoreSet(live.incus, plan, {
        ...(safety === undefined ? {} : { safety }),
        desired: desiredMachines(workspace, live),
        owner: live.owner,
        networks: live.actual.resources.filter((each) => each.kind === "network"),
        wake: ({ project, name }, progress) =>
          wake({ cleanup, progress }, instanceAddr(project, name)),
        room: roomWaiter(signal),
        beforeStart: () => standing ??= firewall.verify(),
        earlier: inventory.restores,
        outdated: inventory.outdated,
        signal,
        onEvent,
      }),
  );
  const restored = plan.machines.filter(({ live }) => result.done.includes(live.name));
  const took = duration(performance.now() - began);
  const what = contents(restored.map(({ member }) => member));
  terminal.out(`Restored: ${what}, in ${took}.\n`);
  if (result.failed.length + result.skipped.length > 0) {
    terminal.err(failuresText(result, session.err));
    sayFull(result, session);
    // The whole of it again would stop and keep also what is done.
    const carriesOn = result.done.length === 0 || safety === undefined
      ? `\`${request.again}\` again carries on, and takes no second safety set.`
      : "`anklume snapshot list` says which command carries on, and takes no second safety set.";
    const text = `What failed is left as it stands. ${carriesOn}`;
    terminal.err(`${wrap(text, session.err.width)}\n`);
    return signal.aborted ? EXIT.interrupted : EXIT.failed;
  }
  await sayDrift(workspace, restored.map(({ live }) => live), session);
  if (safety !== undefined) {
    terminal.out(`To undo it: \`anklume snapshot restore ${safety}\`.\n`);
  }
  const lost = plan.machines.flatMap(({ lostVolumes, goneVolumes }) =>
    lostVolumes.concat(goneVolumes)
  );
  const missing = plan.gone.length + plan.broken.length + plan.ground.length + lost.length;
  if (missing > 0) {
    terminal.err(out.colors.yellow("Not all of the set could go back, see above.\n"));
  }
  return missing > 0 ? EXIT.failed : EXIT.done;
}

/** What infra.yml has come to ask of the restored machines since the set was taken. */
async function sayDrift(
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
    : "Since the set was taken infra.yml has changed; `anklume apply` brings it back:";
  terminal.out(`\n${what}\n`);
  const seen = { ...plan, changes, held: [], orphans: [], diagnostics: [] };
  if (changes.length > 0) terminal.out(planText(seen, out));
  terminal.out(provisionText(provision, out));
}

/** Declared machines, by `project/machine`. */
function desiredMachines(
  { infra }: Workspace,
  { addressing, actual, ruleset, admin }: Live,
): Map<string, DesiredInstance> {
  const desired = desiredState(infra, addressing, {
    firewall: ruleset,
    nvidia: hasNvidia(actual),
    admin: admin.mounts,
  });
  return new Map(
    desired.resources.flatMap((resource) =>
      resource.kind === "instance"
        ? [[`${resource.addr.project}/${resource.addr.name}`, resource] as const]
        : []
    ),
  );
}

/** @throws UserError where nothing may be begun */
function refuse(plan: RestorePlan, { infra }: Workspace, request: RestoreRequest): void {
  const { set } = plan;
  const whole = isWholeScope(request);
  if (wasInterrupted(set) && whole) {
    throw new UserError(
      `${set.name} is incomplete: ${set.faults.slice(0, 3).join(", ")}`,
      set.origin === "baseline"
        ? "`anklume apply --baseline` finishes it"
        : "Single machines of it that are whole can go back: --machine. " +
          `\`anklume snapshot delete ${set.name}\` removes it`,
    );
  }
  const disabled = infra.domains.filter(({ enabled }) => !enabled).map(({ name }) => name);
  const asleep = plan.machines.find(({ live }) => disabled.includes(live.domain));
  if (asleep !== undefined) {
    throw new UserError(
      `${asleep.live.name} is in the domain \`${asleep.live.domain}\`, which infra.yml disables`,
      "Nothing of it changes until it says `enabled: true`",
    );
  }
  const [shared] = plan.shared;
  if (shared !== undefined) {
    throw new UserError(
      `${shared.by} runs and has ${shared.volume}, too: Incus puts back no volume of a machine that runs`,
      `Stop it for the while: \`anklume stop ${shared.by}\``,
    );
  }
  const stuck = plan.zfs.find(({ removes, newer }) => !removes && newer.length > 0);
  if (stuck !== undefined) {
    throw new UserError(
      `The pool ${stuck.pool} is ZFS, which goes back to the latest snapshot only; newer ones are ` +
        stuck.newer.slice(0, 4).join(", "),
      `Delete them, or let the restore remove them: ` +
        `\`incus storage set ${stuck.pool} volume.zfs.remove_snapshots=true\``,
    );
  }
  const [own] = plan.ground;
  if (plan.machines.length === 0 && own !== undefined) {
    throw new UserError(
      `${own.name} runs this very anklume: it does not restore the ground it stands on`,
      "Run the same command on the host, in the same workspace",
    );
  }
  if (plan.machines.length === 0 && plan.broken.length > 0) {
    throw new UserError(
      `${set.name} is incomplete: ${set.faults.slice(0, 3).join(", ")}`,
      "A machine goes back with all of its volumes or not at all",
    );
  }
  if (plan.machines.length === 0) {
    throw new UserError(
      `${set.name} holds nothing that could be put back there`,
      "`anklume snapshot list` shows what each set holds",
    );
  }
}

/** @throws UserError where a machine would start in a domain that cannot work on this host as it is */
function refuseConflicts({ machines }: RestorePlan, { conflicts }: Live): void {
  const held = new Map(conflicts.map(({ domain, diagnostic }) => [domain, diagnostic]));
  const starting = machines.filter(({ runs, live }) => runs && held.has(live.domain));
  const told = held.get(starting[0]?.live.domain ?? "");
  if (told === undefined) return;
  const names = starting.map(({ live }) => live.name).join(" ");
  throw new UserError(
    `Nothing was restored: it would start ${names}. ${told.summary}`,
    `${told.remedy === undefined ? "" : `${told.remedy}. `}What is stopped goes back all the ` +
      `same, and stays stopped: \`anklume stop ${names}\``,
  );
}

/**
 * Doors in profiles and bridges, which a restore does not write: what is on a machine itself it closes before the start.
 * @throws UserError where a machine would start with one
 */
function refuseDoors({ machines }: RestorePlan, { infra }: Workspace, live: Live): void {
  const starting = new Set(machines.filter(({ runs }) => runs).map(({ live }) => live.name));
  const places = selectPlaces(infra, []).filter(({ machine }) => starting.has(machine.name));
  const { changes } = createPlan(desiredOn(live, infra), live.actual);
  const shared = changes.filter(({ addr }) => addr.kind !== "instance");
  const doors = isolationBreaches({ changes: shared }, live.addressing, places);
  if (doors.length === 0) return;
  throw new UserError(
    `Nothing was restored (BREACH), since somebody opened a door in the isolation: ${
      doors.join("; ")
    }`,
    "`anklume check` shows it, `anklume apply` closes it",
  );
}

interface Safety {
  readonly name?: string;
  /** false: an earlier, interrupted run has taken it. */
  readonly take: boolean;
  readonly noneBecause?: string;
}

function chooseSafety(
  plan: RestorePlan,
  inventory: Inventory,
  kept: readonly LiveMachine[],
  now: Date,
): Safety {
  // Repeated without one it still goes back to what an earlier run has kept.
  const concerned = kept.length === 0 ? plan.machines.map(({ live }) => live) : kept;
  const pending = concerned.map(({ project, name }) => inventory.restores.get(project)?.[name]);
  const earlier = pending[0]?.safety;
  const allOfIt = pending.every((each) => each?.set === plan.set.name && each.safety === earlier);
  if (earlier !== undefined && allOfIt) return { name: earlier, take: false };
  if (kept.length === 0) return { take: false };
  const pool = plan.zfs[0]?.pool;
  if (pool !== undefined) {
    return {
      take: false,
      noneBecause: `on the ZFS pool ${pool} the restore would remove it again`,
    };
  }
  return { name: freeTimeName(inventory, now, "before-"), take: true };
}

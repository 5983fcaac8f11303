import { wake } from "../../apply/instance_io.ts";
import { sleep, systemClock } from "../../host/clock.ts";
import type { Live } from "../../live/open_live.ts";
import { desiredOn } from "../../live/run_forecast.ts";
import { type DesiredInstance, instanceAddr } from "../../resource/instance.ts";
import { EXIT, type ExitStatus } from "../../session/exit_status.ts";
import type { Session } from "../../session/session.ts";
import type { Inventory } from "../../snapshot/inventory.ts";
import type { RestorePlan } from "../../snapshot/plan_restore.ts";
import { restoreSet } from "../../snapshot/restore_set.ts";
import { contents } from "../../view/snapshot.ts";
import { failuresText } from "../../view/snapshot_progress.ts";
import { wrap } from "../../view/text.ts";
import { duration } from "../../view/number_text.ts";
import type { Workspace } from "../../workspace/load_workspace.ts";
import type { RestoreRequest } from "./restore_request.ts";
import { sayDrift } from "./say_drift.ts";
import { withProgress } from "./set_progress.ts";
import { sayFull } from "./take.ts";
import { optional } from "../../diag/optional.ts";

/** btrfs frees deleted data only when it next writes its state to disk, every 30 s. */
const ROOM_AFTER_MS = 45_000;
const ROOM_POLL_MS = 5_000;

/**
 * Returns a function that waits for free space. All machines together wait no longer than btrfs may
 * need; after that, it returns false.
 */
function roomWaiter(signal: AbortSignal): () => Promise<boolean> {
  let until: number | undefined;
  return async () => {
    until ??= systemClock() + ROOM_AFTER_MS;
    if (systemClock() >= until) return false;
    return await sleep(ROOM_POLL_MS, signal).then(() => true, () => false);
  };
}

interface RestoreRun {
  readonly workspace: Workspace;
  readonly live: Live;
  readonly inventory: Inventory;
  readonly request: RestoreRequest;
}

/** Restores the machines of a plan, shows the progress, and reports the result of each. */
export async function putBack(
  plan: RestorePlan,
  safety: string | undefined,
  { workspace, live, inventory, request }: RestoreRun,
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
        ...optional({ safety }),
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
    // A repeat of the whole command would also stop, and keep, the machines that are done.
    const carriesOn = result.done.length === 0 || safety === undefined
      ? `Run \`${request.again}\` again to continue; it takes no second safety set.`
      : "`anklume snapshot list` shows the command that continues; it takes no second safety set.";
    const text = `What failed is left as it is. ${carriesOn}`;
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
    terminal.err(out.colors.yellow("Not all of the set could be restored, see above.\n"));
  }
  return missing > 0 ? EXIT.failed : EXIT.done;
}

/** Returns the declared machines, by `project/machine`. */
function desiredMachines({ infra }: Workspace, live: Live): Map<string, DesiredInstance> {
  return new Map(
    desiredOn(live, infra).resources.flatMap((resource) =>
      resource.kind === "instance"
        ? [[`${resource.addr.project}/${resource.addr.name}`, resource] as const]
        : []
    ),
  );
}

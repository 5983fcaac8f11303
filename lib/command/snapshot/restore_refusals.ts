import { ExpectedError } from "../../diag/expected_error.ts";
import { selectMachines as selectPlaces } from "../../live/find_machines.ts";
import type { Live } from "../../live/open_live.ts";
import { desiredOn } from "../../live/run_forecast.ts";
import { createPlan } from "../../plan/create_plan.ts";
import { isolationBreaches } from "../../plan/isolation_breaches.ts";
import { UserError } from "../../session/user_error.ts";
import type { RestorePlan } from "../../snapshot/plan_restore.ts";
import { wasInterrupted } from "../../snapshot/snapshot_set.ts";
import type { Workspace } from "../../workspace/load_workspace.ts";
import type { RestoreRequest } from "./restore_request.ts";
import { isWholeScope } from "./scope.ts";

/** @throws UserError if a plan must not begin */
export function refusePlan(plan: RestorePlan, { infra }: Workspace, request: RestoreRequest): void {
  const { set } = plan;
  const whole = isWholeScope(request);
  if (wasInterrupted(set) && whole) {
    throw new UserError(
      `${set.name} is incomplete: ${set.faults.slice(0, 3).join(", ")}`,
      set.origin === "baseline"
        ? "`anklume apply --baseline` finishes it"
        : "Its complete machines can be restored one by one: --machine. " +
          `\`anklume snapshot delete ${set.name}\` removes it`,
    );
  }
  const disabled = infra.domains.filter(({ enabled }) => !enabled).map(({ name }) => name);
  const asleep = plan.machines.find(({ live }) => disabled.includes(live.domain));
  if (asleep !== undefined) {
    throw new UserError(
      `${asleep.live.name} is in the domain \`${asleep.live.domain}\`, which infra.yml disables`,
      "Nothing in it changes until infra.yml says `enabled: true`",
    );
  }
  const [shared] = plan.shared;
  if (shared !== undefined) {
    throw new UserError(
      `${shared.by} is running and also uses ${shared.volume}: Incus restores no volume of a running machine`,
      `Stop it during the restore: \`anklume stop ${shared.by}\``,
    );
  }
  const stuck = plan.zfs.find(({ removes, newer }) => !removes && newer.length > 0);
  if (stuck !== undefined) {
    throw new UserError(
      `The pool ${stuck.pool} is ZFS, which can restore only the latest snapshot; newer ones are ` +
        stuck.newer.slice(0, 4).join(", "),
      `Delete them, or let the restore remove them: ` +
        `\`incus storage set ${stuck.pool} volume.zfs.remove_snapshots=true\``,
    );
  }
  const [own] = plan.ground;
  if (plan.machines.length === 0 && own !== undefined) {
    throw new UserError(
      `${own.name} runs this anklume, which cannot restore its own machine`,
      "Run the same command on the host, in the same workspace",
    );
  }
  if (plan.machines.length === 0 && plan.broken.length > 0) {
    throw new UserError(
      `${set.name} is incomplete: ${set.faults.slice(0, 3).join(", ")}`,
      "A machine is restored with all its volumes or not at all",
    );
  }
  if (plan.machines.length === 0) {
    throw new UserError(
      `${set.name} has nothing to restore there`,
      "`anklume snapshot list` shows the content of each set",
    );
  }
}

/** @throws ExpectedError if the firewall is unknown, or a machine would start without it */
export function refuseFirewall({ machines }: RestorePlan, { actual }: Live): void {
  if (actual.firewall.state === "unknown") {
    throw new ExpectedError(
      "Nothing was restored: only root can read whether the firewall is loaded",
      "Run the same command as root, or with sudo",
    );
  }
  if (actual.firewall.state === "in-place" || !machines.some(({ runs }) => runs)) return;
  throw new ExpectedError(
    "Nothing was restored: the firewall is not as infra.yml asks, and no machine starts without it",
    "`anklume apply` fixes it",
  );
}

/** @throws UserError if a machine would start in a domain that cannot work on this host as it is */
export function refuseConflicts({ machines }: RestorePlan, { conflicts }: Live): void {
  const held = new Map(conflicts.map(({ domain, diagnostic }) => [domain, diagnostic]));
  const starting = machines.filter(({ runs, live }) => runs && held.has(live.domain));
  const told = held.get(starting[0]?.live.domain ?? "");
  if (told === undefined) return;
  const names = starting.map(({ live }) => live.name).join(" ");
  throw new UserError(
    `Nothing was restored: it would start ${names}. ${told.summary}`,
    `${told.remedy === undefined ? "" : `${told.remedy}. `}A stopped machine is restored ` +
      `anyway and stays stopped: \`anklume stop ${names}\``,
  );
}

/**
 * Checks profiles and bridges for holes in the isolation, as a restore does not write those. Holes
 * on a machine itself are closed before the start.
 * @throws UserError if a machine would start with one
 */
export function refuseBreaches({ machines }: RestorePlan, { infra }: Workspace, live: Live): void {
  const starting = new Set(machines.filter(({ runs }) => runs).map(({ live }) => live.name));
  const places = selectPlaces(infra, []).filter(({ machine }) => starting.has(machine.name));
  const { changes } = createPlan(desiredOn(live, infra), live.actual);
  const shared = changes.filter(({ addr }) => addr.kind !== "instance");
  const doors = isolationBreaches({ changes: shared }, live.addressing, places);
  if (doors.length === 0) return;
  throw new UserError(
    `Nothing was restored (BREACH), because the isolation has an opening: ${doors.join("; ")}`,
    "`anklume check` shows it, `anklume apply` closes it",
  );
}

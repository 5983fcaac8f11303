import { ExpectedError } from "../../diag/expected_error.ts";
import type { Live } from "../../live/open_live.ts";
import { finishInterrupted } from "../../live/open_snapshots.ts";
import { withLive } from "../../live/with_live.ts";
import { agree } from "../../session/confirm.ts";
import { EXIT, type ExitStatus } from "../../session/exit_status.ts";
import { withJsonLines } from "../../session/json_session.ts";
import type { Session } from "../../session/session.ts";
import { tell } from "../../session/show.ts";
import { type Inventory, readInventory } from "../../snapshot/inventory.ts";
import type { LiveMachine } from "../../snapshot/live_machine.ts";
import { planRestore, type RestorePlan } from "../../snapshot/plan_restore.ts";
import { addSpan } from "../../snapshot/set_name.ts";
import { restoreView } from "../../view/snapshot_restore.ts";
import type { Workspace } from "../../workspace/load_workspace.ts";
import { withWorkspace } from "../../workspace/with_workspace.ts";
import { mendBridges } from "../apply/mend_bridges.ts";
import { chooseSafety } from "./choose_safety.ts";
import { findSet } from "./find_set.ts";
import { putBack } from "./put_back.ts";
import { refuseBreaches, refuseConflicts, refuseFirewall, refusePlan } from "./restore_refusals.ts";
import type { RestoreRequest } from "./restore_request.ts";
import { isWholeScope, selectScope } from "./scope.ts";
import { takeAndSay } from "./take.ts";

/** Lifetime of a safety set. Daily restores must not fill the pool. */
const SAFETY_EXPIRY = "7d";

/** Restores a set: shows the plan, runs it and reports the result. */
export function restore(request: RestoreRequest, session: Session): Promise<ExitStatus> {
  const { json } = request;
  return withJsonLines(
    json,
    session,
    (shown) =>
      withWorkspace(
        shown,
        { json, locks: true },
        (workspace) =>
          withLive(workspace, shown, { json }, (live) =>
            restoreLive(workspace, live, request, shown)),
      ),
  );
}

async function restoreLive(
  workspace: Workspace,
  live: Live,
  request: RestoreRequest,
  session: Session,
): Promise<ExitStatus> {
  const now = new Date();
  const read = () => readInventory(live.incus, live.owner, { now, signal: session.signal });
  const inventory = await finishInterrupted(live.incus, await read(), read, session);
  const set = findSet(request.set, inventory, request.missing);
  const plan = planRestore(set, inventory, selectScope(workspace.infra, inventory, request), {
    wholeScope: isWholeScope(request),
    self: live.admin.self,
  });
  refusePlan(plan, workspace, request);

  const kept = plan.machines.filter(({ live }) => request.keeps(live)).map(({ live }) => live);
  const safety = chooseSafety(plan, inventory, kept, now);
  const shown = { plan, safety: safety.name, noSafetyBecause: safety.noneBecause, now };
  tell(restoreView, shown, session);
  await prepareHost(plan, workspace, live, session);

  if (request.asks(plan.machines.map(({ live }) => live))) {
    const consent = { question: "Restore this?", untouched: "Nothing was restored." };
    const refused = await agree(consent, request, session);
    if (refused !== undefined) return refused;
  }
  if (session.signal.aborted) return EXIT.interrupted;
  if (safety.name !== undefined && safety.take) {
    const wanted = { name: safety.name, before: request.set, at: now, machines: kept };
    const status = await takeSafety(wanted, live, inventory, session);
    if (status !== EXIT.done) return status;
  }
  return await putBack(plan, safety.name, { workspace, live, inventory, request }, session);
}

/** Makes sure that machines start again behind their firewall, on a bridge that works. */
async function prepareHost(
  plan: RestorePlan,
  workspace: Workspace,
  live: Live,
  session: Session,
): Promise<void> {
  refuseFirewall(plan, live);
  refuseConflicts(plan, live);
  refuseBreaches(plan, workspace, live);
  if (!plan.machines.some(({ runs }) => runs)) return;
  const concerned = new Set(plan.machines.map(({ live }) => live.project));
  if (await mendBridges(workspace.infra, live, session, concerned) !== "failed") return;
  throw new ExpectedError(
    "Nothing was restored: a bridge could not be set up",
    "`anklume doctor` looks for the cause",
  );
}

interface SafetySet {
  readonly name: string;
  /** The set that is restored. */
  readonly before: string;
  readonly at: Date;
  readonly machines: readonly LiveMachine[];
}

async function takeSafety(
  { name, before, at, machines }: SafetySet,
  { incus }: Live,
  { pools }: Inventory,
  session: Session,
): Promise<ExitStatus> {
  const expires = addSpan(at, SAFETY_EXPIRY);
  const description = `before ${before}`;
  const set = { name, kind: "safety" as const, at, expires, description, machines };
  const status = await takeAndSay(incus, set, pools, session);
  if (status !== EXIT.done) session.terminal.err("Nothing was restored.\n");
  return status;
}

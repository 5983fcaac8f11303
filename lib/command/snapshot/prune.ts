import { expiryProblem } from "../../infra/shape/quantity.ts";
import { choosePrune } from "../../snapshot/choose_prune.ts";
import { wasToGo } from "../../snapshot/snapshot_set.ts";
import { pruneView } from "../../view/snapshot_prune.ts";
import { agree } from "../../session/confirm.ts";
import type { Everything } from "../../snapshot/read_everything.ts";
import { EXIT, type ExitStatus } from "../../session/exit_status.ts";
import type { EarlyRequests } from "../../live/early_requests.ts";
import type { Session } from "../../session/session.ts";
import { tell } from "../../session/show.ts";
import { deleteAndSay, isNeeded } from "./delete.ts";
import { openSnapshots } from "../../live/open_snapshots.ts";
import { UserError } from "../../session/user_error.ts";
import { withWorkspace } from "../../workspace/with_workspace.ts";
import { optional } from "../../diag/optional.ts";

interface SnapshotPruneOptions {
  readonly json?: true;
  readonly keep?: number;
  readonly olderThan?: string;
  readonly yes?: true;
}

/** Shows the old sets, and deletes them. */
export async function snapshotPrune(
  options: SnapshotPruneOptions,
  session: Session,
  start: EarlyRequests<Everything>,
): Promise<ExitStatus> {
  const { keep, olderThan } = options;
  if (keep === undefined && olderThan === undefined) {
    throw new UserError(
      "No option says which sets to delete",
      "Use --keep 5, --older-than 30d, or both",
    );
  }
  const problem = olderThan === undefined ? undefined : expiryProblem(olderThan);
  if (problem !== undefined) throw new UserError(problem.summary, problem.remedy);
  return await withWorkspace(session, { ...options, hold: await start.hold }, async (workspace) => {
    await using host = await openSnapshots(workspace, start, session, options);
    if (host === undefined) return EXIT.wrongInput;
    const inventory = await host.afterInterruption();
    const choice = choosePrune(inventory.sets, {
      ...optional({ keep, olderThan }),
      now: new Date(),
      needed: (name) => isNeeded(name, inventory.restores),
    });
    const { goes } = choice;
    tell(pruneView, { ...choice, begun: new Set(goes.filter(wasToGo)) }, session);
    if (goes.length === 0) return EXIT.done;
    const refused = await agree(
      { question: "Delete them?", untouched: "Nothing was deleted." },
      options,
      session,
    );
    const chosen = goes.map((set) => ({ set, members: set.members, notesFirst: true }) as const);
    return refused ?? await deleteAndSay(host.incus, chosen, inventory, session);
  });
}

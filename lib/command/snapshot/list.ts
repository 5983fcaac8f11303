import { show } from "../../session/show.ts";
import { leftFrozen } from "../../snapshot/thaw.ts";
import { unfinishedRestores } from "../../snapshot/pending_restore.ts";
import { snapshotsView } from "../../view/snapshot.ts";
import type { Everything } from "../../snapshot/read_everything.ts";
import { EXIT, type ExitStatus } from "../../session/exit_status.ts";
import { isWholeScope, type ScopeOptions, selectScope } from "./scope.ts";
import type { EarlyRequests } from "../../live/early_requests.ts";
import type { Session } from "../../session/session.ts";
import { openSnapshots } from "../../live/open_snapshots.ts";
import { withWorkspace } from "../../workspace/with_workspace.ts";

interface SnapshotListOptions extends ScopeOptions {
  readonly json?: true;
}

/** Shows the sets of a scope, and what interrupted runs left behind. Changes nothing. */
export async function snapshotList(
  options: SnapshotListOptions,
  session: Session,
  start: EarlyRequests<Everything>,
): Promise<ExitStatus> {
  return await withWorkspace(session, options, async (workspace) => {
    await using host = await openSnapshots(workspace, start, session, options);
    if (host === undefined) return EXIT.wrongInput;
    const { inventory } = host;
    const scope = new Set(
      selectScope(workspace.infra, inventory, options)
        .map(({ project, name }) => `${project}/${name}`),
    );
    const whole = isWholeScope(options);
    const sets = inventory.sets.flatMap((set) => {
      const members = set.members.filter(({ project, machine }) =>
        whole || scope.has(`${project}/${machine}`)
      );
      return members.length === 0 ? [] : [{ ...set, members }];
    });
    const listing = {
      now: new Date(),
      sets,
      restoring: unfinishedRestores(inventory),
      frozen: leftFrozen(inventory).map(({ name }) => name),
    };
    await show(snapshotsView, listing, options, session);
    return EXIT.done;
  });
}

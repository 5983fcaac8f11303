import { EXIT, type ExitStatus } from "../session/exit_status.ts";
import type { Session } from "../session/session.ts";
import type { Workspace } from "../workspace/load_workspace.ts";
import { type Live, type LiveOptions, openLive } from "./open_live.ts";

/**
 * Runs a verb on the live host. If the workspace cannot work here, shows the reason and does not
 * run the verb. The connection to Incus ends with the verb.
 */
export async function withLive(
  workspace: Workspace,
  session: Session,
  options: LiveOptions,
  verb: (live: Live) => Promise<ExitStatus>,
): Promise<ExitStatus> {
  await using live = await openLive(workspace, session, options);
  return live === undefined ? EXIT.wrongInput : await verb(live);
}

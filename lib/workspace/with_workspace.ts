import { WorkspaceHold } from "../host/workspace_lock.ts";
import { EXIT, type ExitStatus } from "../session/exit_status.ts";
import type { Session } from "../session/session.ts";
import { loadWorkspace, type Workspace } from "./load_workspace.ts";

interface WithWorkspaceOptions {
  /** Mistakes are printed as JSON. */
  readonly json?: true | undefined;
  /** The verb makes changes: no other process may work in this workspace until it ends. */
  readonly locks?: boolean;
  /** The same, with a lock that was taken earlier; its owner releases it. */
  readonly hold?: WorkspaceHold | undefined;
}

/**
 * Runs a verb on the workspace of the current directory. If the workspace has errors, all of them
 * are shown, the verb does not run, and nothing is changed.
 *
 * @throws LockedError if another process holds the workspace
 */
export async function withWorkspace<Status extends number = ExitStatus>(
  session: Session,
  { json, locks, hold }: WithWorkspaceOptions,
  verb: (workspace: Workspace) => Promise<Status>,
): Promise<Status | ExitStatus> {
  using own = locks ? await WorkspaceHold.begin() : undefined;
  const workspace = await loadWorkspace(session, { json, hold: hold ?? own });
  return workspace === undefined ? EXIT.wrongInput : await verb(workspace);
}

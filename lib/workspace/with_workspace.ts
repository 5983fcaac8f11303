import { WorkspaceHold } from "../host/workspace_lock.ts";
import { EXIT, type ExitStatus } from "../session/exit_status.ts";
import type { Session } from "../session/session.ts";
import { loadWorkspace, type Workspace } from "./load_workspace.ts";

interface WithWorkspaceOptions {
  /** Mistakes are printed as JSON. */
  readonly json?: true | undefined;
  /** The verb changes something: nobody else may work in this workspace until it ends. */
  readonly locks?: boolean;
  /** The same, where the lock was begun earlier; its owner ends it. */
  readonly hold?: WorkspaceHold | undefined;
}

/**
 * Runs a verb on the workspace of the current directory. Where something is wrong in it, all of that is shown, the verb is
 * not run, and nothing was touched.
 *
 * @throws LockedError where another process holds the workspace
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

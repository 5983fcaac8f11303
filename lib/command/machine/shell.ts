import { connectIncus } from "../../incus/incus_client.ts";
import { execAttached } from "./exec_attached.ts";
import { findRunning } from "../../live/find_machines.ts";
import type { Session } from "../../session/session.ts";
import { withWorkspace } from "../../workspace/with_workspace.ts";

/**
 * Runs a login shell in a machine, by default as `global.default_user`. Returns the shell's status.
 */
export async function shell(
  machine: string,
  options: { readonly user?: string },
  session: Session,
): Promise<number> {
  return await withWorkspace(session, {}, async (workspace) => {
    const user = options.user ?? workspace.infra.global.defaultUser;
    await using incus = await connectIncus({ signal: session.signal });
    const place = await findRunning(incus, workspace, machine, session.signal);
    return await execAttached(incus, place, ["su", "-", user], undefined, session);
  });
}

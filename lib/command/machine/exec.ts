import { connectIncus } from "../../incus/incus_client.ts";
import { type ExecFlags, execMany } from "./exec_many.ts";
import { findRunning } from "../../live/find_machines.ts";
import type { Session } from "../../session/session.ts";
import { UserError } from "../../session/user_error.ts";
import { commandAs, execAttached } from "./exec_attached.ts";
import { withWorkspace } from "../../workspace/with_workspace.ts";

/**
 * Runs a program in one machine or in many. Returns its status or, for many, whether all succeeded.
 */
export async function exec(
  words: readonly string[],
  options: ExecFlags,
  session: Session,
): Promise<number> {
  const many = options.all === true || options.domain.length > 0;
  const [machine, given] = many ? [undefined, words] : [words[0], words.slice(1)];
  // Users may write `--` between machine and command.
  const command = given[0] === "--" ? given.slice(1) : given;
  if (!many && machine === undefined) {
    throw new UserError(
      "Which machine?",
      "Write anklume exec MACHINE -- COMMAND, or use --domain NAME or --all instead of a machine",
    );
  }
  if (command.length === 0) {
    throw new UserError(
      "Which command?",
      many
        ? "Write it after --"
        : "Write anklume exec MACHINE -- COMMAND; for a shell, anklume shell MACHINE",
    );
  }
  return await withWorkspace(session, { json: options.json }, async (workspace) => {
    const user = options.user ?? workspace.infra.global.defaultUser;
    const argv = commandAs(user, command);
    await using incus = await connectIncus({ signal: session.signal });
    if (machine === undefined || options.json) {
      const names = machine === undefined ? options.domain : [machine];
      return await execMany(workspace, incus, names, argv, options, session);
    }
    const place = await findRunning(incus, workspace, machine, session.signal);
    return await execAttached(incus, place, argv, options.tty, session);
  });
}

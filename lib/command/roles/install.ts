import { ansibleEnvironment } from "../../ansible/ansible_environment.ts";
import { CommandError, runCommand } from "../../host/command.ts";
import { fileKind } from "../../host/workspace_file.ts";
import { lockWorkspace } from "../../host/workspace_lock.ts";
import { EXIT, type ExitStatus } from "../../session/exit_status.ts";
import type { Session } from "../../session/session.ts";
import { UserError } from "../../session/user_error.ts";

/**
 * Installs the content of requirements.yml into the workspace, with the messages of ansible-galaxy.
 */
export async function rolesInstall(
  options: { readonly force?: true },
  { terminal, signal }: Session,
): Promise<ExitStatus> {
  for (const file of ["requirements.yml", "ansible.cfg"]) {
    if (fileKind(file) === "file") continue;
    throw new UserError(`There is no ${file} here`, "`anklume sync` writes it");
  }
  using _lock = await lockWorkspace();
  const force = options.force ? ["--force"] : [];
  try {
    await runCommand(["ansible-galaxy", "install", "-r", "requirements.yml", ...force], {
      env: ansibleEnvironment(),
      output: (text, stream) => stream === "stdout" ? terminal.out(text) : terminal.err(text),
      signal,
      stopSignal: "SIGINT",
    });
  } catch (error) {
    if (!(error instanceof CommandError) || error.code === undefined) throw error;
    if (error.reason === "interrupted") return EXIT.interrupted;
    terminal.err(
      "anklume: Could not install everything in requirements.yml: see ansible-galaxy's messages " +
        "above.\n         Without a network, unpack collections below " +
        "collections/ansible_collections/ and\n         roles below roles/ of the workspace.\n",
    );
    return EXIT.failed;
  }
  return EXIT.done;
}

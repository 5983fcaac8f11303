import type { RunProgram } from "../../ansible/run_playbook.ts";
import { CommandError } from "../../host/command.ts";
import { childEnvironment } from "../../host/environment.ts";
import { ProgramNotRunError, type RunningProgram } from "../../incus/exec_stream.ts";
import type { IncusClient } from "../../incus/incus_client.ts";
import type { Infra } from "../../infra/infra.ts";
import type { IncusState } from "../../plan/actual_state.ts";
import { ADMIN_PATHS, ADMIN_ROLE, adminMountsOf } from "../../resource/admin_devices.ts";

const SIGINT = 2;
/**
 * The last characters of a program's standard error that are kept, for the message of a failure.
 */
const TAIL_CHARS = 4_000;

/** An admin container that runs and has this workspace. */
interface AdminPlace {
  readonly project: string;
  readonly name: string;
}

/** Returns the first machine with the role that can replace the host's Ansible. */
export function findAdmin(
  infra: Infra,
  state: IncusState,
  workspace: string,
): AdminPlace | undefined {
  const places = infra.domains.flatMap((domain) =>
    domain.machines.filter(({ roles }) => roles.includes(ADMIN_ROLE))
      .map(({ name }) => ({ project: domain.name, name }))
  );
  return places.find(({ project, name }) =>
    state.resources.some((resource) =>
      resource.kind === "instance" && resource.status === "Running" &&
      resource.addr.project === project && resource.addr.name === name &&
      adminMountsOf(resource.devices)?.workspace === workspace
    )
  );
}

/** Runs programs in the workspace in an admin container, as `runCommand` does here. */
export function adminRunner(
  incus: IncusClient,
  { project, name }: AdminPlace,
): RunProgram {
  return async (argv, options = {}) => {
    const { signal, output, okCodes = [0], env = {} } = options;
    const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
    const texts = { stdout: "", stderr: "" };
    const take = (stream: "stdout" | "stderr") => (bytes: Uint8Array): void => {
      const text = decoders[stream].decode(bytes, { stream: true });
      if (output === undefined) texts[stream] += text;
      else {
        if (stream === "stderr") texts.stderr = (texts.stderr + text).slice(-TAIL_CHARS);
        if (typeof output === "function") output(text, stream);
      }
    };
    let interrupt = (): void => {};
    const { TERM, TZ, LANG, LC_ALL } = childEnvironment();
    let code: number;
    try {
      code = await incus.instances.execStream(project, name, argv, {
        cwd: ADMIN_PATHS.workspace,
        environment: defined({ TERM, TZ, LANG, LC_ALL, HOME: "/root", ...env }),
        onStdout: take("stdout"),
        onStderr: take("stderr"),
        onOpen: (program: RunningProgram) => {
          program.end();
          interrupt = () => program.kill(SIGINT);
          if (signal?.aborted) interrupt();
          signal?.addEventListener("abort", interrupt, { once: true });
        },
      });
    } catch (cause) {
      if (cause instanceof ProgramNotRunError && cause.exitStatus === 127) {
        throw new CommandError(argv, "missing", { cause });
      }
      throw cause;
    } finally {
      signal?.removeEventListener("abort", interrupt);
    }
    const { stderr } = texts;
    if (code === 127) throw new CommandError(argv, "missing", { stderr });
    if (signal?.aborted) throw new CommandError(argv, "interrupted", { code, stderr });
    if (!okCodes.includes(code)) throw new CommandError(argv, "failed", { code, stderr });
    return output === undefined ? { code, ...texts } : { code, stdout: "", stderr: "" };
  };
}

function defined(values: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => value === undefined ? [] : [[name, value]]),
  );
}

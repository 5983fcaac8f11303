import { runCommand } from "../host/command.ts";
import { readEmbeddedBytes } from "../host/embedded_file.ts";
import { withProgramFile } from "../host/program_file.ts";
import type { IncusClient } from "../incus/incus_client.ts";
import type { Site } from "./run_probers.ts";

/** The directory of the host that is ours, and where nobody else can exchange a program before it runs. */
const HOST_DIRECTORY = "/etc/anklume";

/** The prober's program, made by scripts/compile for the kind of machine that the binary is for. */
export function readProber(): Uint8Array<ArrayBuffer> {
  return readEmbeddedBytes("build/probe");
}

/** What copies the host's rules and plays packets to the copy: probe/ruleset.c. */
export function readRuleProgram(): Uint8Array<ArrayBuffer> {
  return readEmbeddedBytes("build/ruleset");
}

/** In an instance: put there, started, and gone from the disk as soon as it runs. */
export function instanceSite(
  incus: IncusClient,
  { project, machine, program, signal }: {
    readonly project: string;
    readonly machine: string;
    readonly program: Uint8Array<ArrayBuffer>;
    readonly signal: AbortSignal;
  },
): Site {
  return {
    name: machine,
    start: async (input, onStdout) => {
      const path = `/.anklume-probe-${crypto.randomUUID()}`;
      await incus.instances.putFile(project, machine, path, program, { mode: "0700", signal });
      try {
        const { status, stderr } = await incus.instances.exec(project, machine, [path], {
          stdin: input,
          onStdout,
          user: 0,
          group: 0,
          timeoutMs: 60_000,
        });
        if (status === 0) return;
        throw new Error(stderr.trim() === "" ? `the prober ended with ${status}` : stderr.trim());
      } catch (error) {
        // One that never ran could not remove itself.
        await incus.instances.deleteFile(project, machine, path).catch(() => {});
        throw error;
      }
    },
  };
}

/** On the host. `unshare` without a namespace to leave runs a program as it is: no further grant is needed. */
export function hostSite(program: Uint8Array<ArrayBuffer>, signal: AbortSignal): Site {
  return {
    name: "host",
    start: (stdin, onOutput) =>
      withProgramFile(
        program,
        { root: HOST_DIRECTORY, name: `.anklume-probe-${crypto.randomUUID()}` },
        async (path) => {
          await runCommand(["unshare", "--", path], {
            stdin,
            signal,
            timeoutMs: 60_000,
            output: (text, stream) => {
              if (stream === "stdout") onOutput(text);
            },
          });
        },
      ),
  };
}

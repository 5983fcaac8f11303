import { PATIENCE_MS, runCommand } from "../host/command.ts";
import { readEmbeddedBytes } from "../host/embedded_file.ts";
import { withProgramFile } from "../host/program_file.ts";
import type { IncusClient } from "../incus/incus_client.ts";
import type { Site } from "./run_probers.ts";

/** anklume's directory on the host, where only root can replace a program before it runs. */
const HOST_DIRECTORY = "/etc/anklume";

/**
 * Returns the prober's program, made by scripts/compile for the binary's processor architecture.
 */
export function readProber(): Uint8Array<ArrayBuffer> {
  return readEmbeddedBytes("build/probe");
}

/**
 * Returns the program that copies the host's rules and sends packets through the copy:
 * probe/ruleset.c.
 */
export function readRuleProgram(): Uint8Array<ArrayBuffer> {
  return readEmbeddedBytes("build/ruleset");
}

/** A prober in an instance: written, started, and deleted from the disk as soon as it runs. */
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
          timeoutMs: PATIENCE_MS,
        });
        if (status === 0) return;
        throw new Error(stderr.trim() === "" ? `the prober ended with ${status}` : stderr.trim());
      } catch (error) {
        // A prober that never ran could not delete itself.
        await incus.instances.deleteFile(project, machine, path).catch(() => {});
        throw error;
      }
    },
  };
}

/**
 * A prober on the host. `unshare` without a namespace just runs the program: no further permission
 * is needed.
 */
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
            timeoutMs: PATIENCE_MS,
            output: (text, stream) => {
              if (stream === "stdout") onOutput(text);
            },
          });
        },
      ),
  };
}

import { ENV_NAMES } from "./environment.ts";
import { envVar, executablePath } from "./terminal.ts";
import { ExpectedError } from "../diag/expected_error.ts";

/**
 * The running program as a path that the binary is granted to run, wherever it is installed (proc(5)).
 */
const SELF = "/proc/self/exe";

/**
 * Runs this program again, in another directory and on the same terminal, and returns its exit
 * status: 128 + n after signal n. A Ctrl-C reaches both processes; only the other one acts on it.
 * `missing`, `denied`: there is no such directory, or this user may not enter it.
 */
export async function runAgain(
  directory: string,
  args: readonly string[],
): Promise<number | "missing" | "denied"> {
  if (executablePath() === undefined) {
    throw new ExpectedError(
      "anklume runs from source here, and cannot start itself in another directory",
      `Run it there: cd ${directory}`,
    );
  }
  // `LD_PRELOAD` and the like are not passed on: the runtime refuses to start a program with them.
  const env: Record<string, string> = {};
  for (const name of ENV_NAMES) {
    const value = envVar(name);
    if (value !== undefined) env[name] = value;
  }
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(SELF, {
      args: [...args],
      cwd: directory,
      clearEnv: true,
      env,
      stdin: "inherit",
      stdout: "inherit",
      stderr: "inherit",
    }).spawn();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "missing";
    if (error instanceof Deno.errors.PermissionDenied) return "denied";
    throw error;
  }
  const passOn = (signal: Deno.Signal) => () => {
    try {
      child.kill(signal);
    } catch {
      // It has just ended.
    }
  };
  const listeners = [
    ["SIGINT", () => {}],
    ...["SIGTERM" as const, "SIGHUP" as const]
      .map((signal) => [signal, passOn(signal)] as const),
  ] as const;
  for (const [signal, listener] of listeners) Deno.addSignalListener(signal, listener);
  try {
    return (await child.status).code;
  } finally {
    for (const [signal, listener] of listeners) Deno.removeSignalListener(signal, listener);
  }
}

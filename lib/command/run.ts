import { exit, onInterrupt, Terminal } from "../host/terminal.ts";
import { EXIT } from "../session/exit_status.ts";
import { createSession, type Session } from "../session/session.ts";
import type { Verb } from "./verb.ts";
import { VERSION } from "./version.ts";

/**
 * Runs one command line and returns the exit status. Never throws: all errors are put into words
 * here. A first Ctrl-C aborts the session's signal; a second one ends the process at once.
 */
export async function run(args: readonly string[]): Promise<number> {
  const terminal = new Terminal();
  // Scripts and prompts ask for the version: it is printed before anything else is loaded.
  if (args.length === 1 && (args[0] === "--version" || args[0] === "-V")) {
    terminal.out(`${VERSION}\n`);
    return EXIT.done;
  }
  const interrupt = new AbortController();
  const session = createSession(terminal, interrupt.signal);
  const ignoreSignals = onInterrupt(() => {
    if (interrupt.signal.aborted) exit(EXIT.interrupted);
    terminal.err(
      "\nInterrupted. Waiting for operations that are still running; Ctrl-C again stops immediately.\n",
    );
    interrupt.abort();
  });
  // A promise that no code awaited: a bug, which still prints no stack trace.
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    import("../session/fault.ts").then(({ reportFault }) =>
      exit(reportFault(event.reason, session))
    );
  });
  let status: number;
  try {
    const verb = await understand(args, session);
    status = typeof verb === "number" ? verb : await verb();
  } catch (error) {
    const { reportFault } = await import("../session/fault.ts");
    status = reportFault(error, session);
  } finally {
    ignoreSignals();
  }
  if (terminal.failure !== undefined) {
    terminal.err(`anklume: Cannot write the output: ${terminal.failure.message}\n`);
    if (status === EXIT.done) status = EXIT.failed;
  }
  return status;
}

/**
 * Returns the requested verb, or the status if the command line was answered already (help,
 * version, a mistake).
 */
async function understand(
  args: readonly string[],
  session: Session,
): Promise<Verb | number> {
  const { CommanderError, createProgram } = await import("./program.ts");
  let chosen: Verb | undefined;
  const program = createProgram(session, (verb) => chosen = verb, args[0]);
  try {
    program.parse(args, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // The user asked for it, so it is no mistake. All other errors of commander are, also the help
    // in place of a missing verb.
    const answered = ["commander.helpDisplayed", "commander.version", "commander.help"];
    return answered.includes(error.code) && error.exitCode === 0 && args.length > 0
      ? EXIT.done
      : EXIT.wrongInput;
  }
  return chosen ?? EXIT.wrongInput;
}

import { exit, onInterrupt, Terminal } from "../host/terminal.ts";
import { fileKind } from "../host/workspace_file.ts";
import { EXIT } from "../session/exit_status.ts";
import { createSession, type Session } from "../session/session.ts";
import type { Verb } from "./verb.ts";
import { VERSION } from "./version.ts";
import {
  type DirectedLine,
  findWorkspace,
  readDirectory,
  runElsewhere,
  WORKSPACE_FILES,
} from "./workspace_directory.ts";

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
  let session = createSession(terminal, interrupt.signal);
  let line: DirectedLine;
  try {
    line = readDirectory(args);
    const elsewhere = await findWorkspace(line, isWorkspace);
    if (elsewhere !== undefined) return await runElsewhere(elsewhere, line.args);
  } catch (error) {
    const { reportFault } = await import("../session/fault.ts");
    return reportFault(error, session);
  }
  if (line.below !== undefined) session = { ...session, below: line.below };
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
    const verb = await understand(line.args, session);
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

/** True if the current directory is a workspace. */
function isWorkspace(): boolean {
  return WORKSPACE_FILES.some((file) => fileKind(file) !== undefined);
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

import { onResize, rawTerminal, readStandardInput } from "../../host/keyboard.ts";
import { envVar } from "../../host/terminal.ts";
import { ProgramNotRunError, type RunningProgram } from "../../incus/exec_stream.ts";
import type { IncusClient } from "../../incus/incus_client.ts";
import type { FoundMachine } from "../../live/find_machines.ts";
import { BROKEN_PIPE } from "../../session/exit_status.ts";
import type { Session } from "../../session/session.ts";
import { complaint } from "../../view/text.ts";

/**
 * Returns the command line that runs a command as a user of the machine, with that user's groups,
 * home and profile. Incus itself knows only numeric users, and no groups.
 */
export function commandAs(user: string, command: readonly string[]): string[] {
  if (user === "root") return [...command];
  return ["su", "-", user, "-s", "/bin/sh", "-c", 'exec "$0" "$@"', "--", ...command];
}
const SIGINT = 2;

/**
 * Runs a program on anklume's own streams. It gets a terminal if both ends of ours are one (or
 * `tty` says so), with its size and later changes of size. Ctrl-C goes to the program.
 */
export async function execAttached(
  incus: IncusClient,
  { instance, machine }: FoundMachine,
  argv: readonly string[],
  tty: boolean | undefined,
  session: Session,
): Promise<number> {
  const { terminal, signal } = session;
  const interactive = tty ?? terminal.interactive;
  const size = () => ({ columns: terminal.columns, rows: terminal.rows });
  const over = new AbortController();
  const unread = new AbortController();
  const release: (() => void)[] = [];
  const onOpen = (program: RunningProgram): void => {
    if (interactive) release.push(onResize(() => program.resize(size())));
    const interrupt = (): void => program.kill(SIGINT);
    if (signal.aborted) interrupt();
    signal.addEventListener("abort", interrupt, { once: true });
    release.push(() => signal.removeEventListener("abort", interrupt));
    void pass(program, over.signal);
  };
  if (interactive) release.push(await rawTerminal());
  try {
    return await incus.instances.execStream(instance.project, instance.name, argv, {
      terminal: interactive ? size() : undefined,
      environment: { ...termOf(interactive) },
      onStdout: (bytes) => {
        terminal.outBytes(bytes);
        if (terminal.outClosed) unread.abort();
      },
      onStderr: (bytes) => terminal.errBytes(bytes),
      onOpen,
      signal: unread.signal,
    });
  } catch (error) {
    if (unread.signal.aborted) return BROKEN_PIPE;
    if (error instanceof ProgramNotRunError) return sayNotRun(error, machine.name, session);
    throw error;
  } finally {
    over.abort();
    for (const undo of release) undo();
  }
}

/** Explains why the program did not run, and returns the status that a shell gives it. */
function sayNotRun(
  { message, program, exitStatus }: ProgramNotRunError,
  machine: string,
  { terminal, err }: Session,
): number {
  const remedy = program === "su"
    ? `anklume needs it to switch the user and to open a login shell; \`anklume exec ${machine} --user root -- sh\` opens a plain shell`
    : "`anklume shell` opens a shell to look around";
  terminal.err(complaint(`${message}.`, `${remedy}.`, err.width));
  return exitStatus;
}

/** A program on a terminal needs to know its type. */
function termOf(interactive: boolean): { TERM?: string } {
  const term = envVar("TERM");
  return interactive && term !== undefined ? { TERM: term } : {};
}

/** Passes on standard input until it or the program ends. */
async function pass(program: RunningProgram, over: AbortSignal): Promise<void> {
  for await (const bytes of readStandardInput(over)) await program.write(bytes);
  if (!over.aborted) program.end();
}

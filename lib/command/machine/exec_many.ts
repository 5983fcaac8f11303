import { setTimeout as sleep } from "node:timers/promises";
import { readStandardInput } from "../../host/keyboard.ts";
import { ProgramNotRunError, type RunningProgram } from "../../incus/exec_stream.ts";
import type { IncusClient } from "../../incus/incus_client.ts";
import { OutputLimit, TooMuchOutputError } from "../../incus/instance_exec.ts";
import { IncusError } from "../../incus/incus_error.ts";
import { BROKEN_PIPE, EXIT } from "../../session/exit_status.ts";
import {
  findLive,
  findRunning,
  type FoundMachine,
  selectMachines,
} from "../../live/find_machines.ts";
import { execJson, execLines, type ExecOutcome, type ExecView } from "./exec_view.ts";
import type { PrefixedLines } from "./prefix_lines.ts";
import type { Session } from "../../session/session.ts";
import { UserError } from "../../session/user_error.ts";
import type { Workspace } from "../../workspace/load_workspace.ts";

/** The status for a program that could not be run at all. */
const NOT_RUN = 126;
const SIGINT = 2;

/**
 * Runs a program in many machines side by side. Each line of output begins with the machine's name;
 * standard input goes to all.
 */
export async function execMany(
  workspace: Workspace,
  incus: IncusClient,
  names: readonly string[],
  argv: readonly string[],
  options: ExecFlags,
  session: Session,
): Promise<number> {
  const { terminal, signal } = session;
  if (options.tty === true) {
    throw new UserError("Several machines cannot share one terminal", "Leave out --tty");
  }
  const one = names.length === 1 && !options.all && options.domain.length === 0;
  const places = one
    ? [await findRunning(incus, workspace, names[0]!, signal)]
    : await running(workspace, incus, names, session);
  if (places.length === 0) {
    throw new UserError("None of these machines is running", "anklume start");
  }
  const view = options.json ? execJson(session) : execLines(places, session);
  const programs = new Set<RunningProgram>();
  let waiting = places.length;
  const over = new AbortController();
  const unread = new AbortController();
  const interrupt = (): void => programs.forEach((program) => program.kill(SIGINT));
  signal.addEventListener("abort", interrupt, { once: true });
  // A keyboard is not passed on: a person types into one machine.
  if (!terminal.inIsTerminal) void broadcast(programs, () => waiting === 0, over.signal);
  const outcomes = await Promise.all(places.map((place) => {
    const onOpen = (program?: RunningProgram): void => {
      waiting--;
      if (program === undefined) return;
      programs.add(program);
      if (terminal.inIsTerminal) program.end();
    };
    return runOne(incus, place, argv, { view, onOpen, unread, session });
  }));
  over.abort();
  signal.removeEventListener("abort", interrupt);
  if (unread.signal.aborted) return BROKEN_PIPE;
  view.end(outcomes);
  if (signal.aborted) return EXIT.interrupted;
  return outcomes.every(({ status }) => status === 0) ? EXIT.done : EXIT.failed;
}

/** Returns the running machines. The others are named, and left out. */
async function running(
  workspace: Workspace,
  incus: IncusClient,
  names: readonly string[],
  { terminal, err, signal }: Session,
): Promise<FoundMachine[]> {
  const { infra } = workspace;
  for (const name of names) {
    if (infra.copies.has(name) || infra.domains.some((domain) => domain.name === name)) continue;
    const { selectDomains } = await import("../../workspace/select_domains.ts");
    selectDomains(infra, [name]);
  }
  const { live, absent } = await findLive(incus, workspace, selectMachines(infra, names), signal);
  const runs = live.filter(({ instance }) => instance.status === "Running");
  const left = [...live.filter((place) => !runs.includes(place)), ...absent];
  if (left.length > 0) {
    const list = left.map(({ machine }) => machine.name).join(", ");
    terminal.err(`${err.colors.yellow("Left out")}, not running: ${list}\n`);
  }
  return runs;
}

interface Run {
  readonly view: ExecView;
  /** Called once the program reads its input; without it if it could not be run at all. */
  readonly onOpen: (program?: RunningProgram) => void;
  /** Aborted when nobody reads the output any more. */
  readonly unread: AbortController;
  readonly session: Session;
}

async function runOne(
  incus: IncusClient,
  place: FoundMachine,
  argv: readonly string[],
  { view, onOpen, unread, session: { terminal } }: Run,
): Promise<ExecOutcome> {
  const { instance, machine } = place;
  const { stdout, stderr, kept } = view.open(place);
  const limit = new OutputLimit(machine.name, view.mostBytes);
  const take = (lines: PrefixedLines, bytes: Uint8Array): void => {
    if (!limit.takes(bytes)) return;
    lines.take(bytes);
    if (terminal.outClosed) unread.abort();
  };
  let opened = false;
  let status: number;
  try {
    status = await incus.instances.execStream(instance.project, instance.name, argv, {
      onStdout: (bytes) => take(stdout, bytes),
      onStderr: (bytes) => take(stderr, bytes),
      onOpen: (program) => {
        opened = true;
        onOpen(program);
      },
      signal: AbortSignal.any([unread.signal, limit.signal]),
    });
  } catch (error) {
    if (unread.signal.aborted) {
      return { machine: machine.name, status: BROKEN_PIPE, stdout: "", stderr: "" };
    }
    if (!(error instanceof IncusError || error instanceof TooMuchOutputError)) throw error;
    stderr.take(new TextEncoder().encode(`${error.message}\n`));
    status = error instanceof ProgramNotRunError ? error.exitStatus : NOT_RUN;
    if (!opened) onOpen();
  }
  stdout.end();
  stderr.end();
  if (terminal.outClosed) unread.abort();
  return { machine: machine.name, status, ...kept() };
}

/** Passes standard input to all programs, once all are listening. */
async function broadcast(
  programs: ReadonlySet<RunningProgram>,
  allListen: () => boolean,
  over: AbortSignal,
): Promise<void> {
  while (!allListen() && !over.aborted) {
    await sleep(5);
  }
  for await (const bytes of readStandardInput(over)) {
    await Promise.all([...programs].map((program) => program.write(bytes)));
  }
  for (const program of programs) program.end();
}

export interface ExecFlags {
  readonly domain: readonly string[];
  readonly all?: true;
  readonly user?: string;
  /** true: a terminal although there is none here; false: none although there is one. */
  readonly tty?: boolean;
  readonly json?: true;
}

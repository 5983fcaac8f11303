import { setTimeout as sleep } from "node:timers/promises";
import { readStandardInput } from "../../host/keyboard.ts";
import { ProgramNotRunError, type RunningProgram } from "../../incus/exec_stream.ts";
import type { IncusClient } from "../../incus/incus_client.ts";
import { OutputLimit, TooMuchOutputError } from "../../incus/instance_exec.ts";
import { IncusError } from "../../incus/incus_error.ts";
import { jsonText } from "../../view/json.ts";
import { trustColor } from "../../view/style.ts";
import { count } from "../../view/text.ts";
import { BROKEN_PIPE, EXIT, type ExitStatus } from "../../session/exit_status.ts";
import {
  findLive,
  findRunning,
  type FoundMachine,
  selectMachines,
} from "../../live/find_machines.ts";
import { prefixLines } from "./prefix_lines.ts";
import type { Session } from "../../session/session.ts";
import { UserError } from "../../session/user_error.ts";
import type { Workspace } from "../../workspace/load_workspace.ts";

interface ExecOutcome {
  readonly machine: string;
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

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
  const width = Math.max(...places.map(({ machine }) => machine.name.length));
  const programs = new Set<RunningProgram>();
  let waiting = places.length;
  const over = new AbortController();
  const unread = new AbortController();
  const interrupt = (): void => programs.forEach((program) => program.kill(SIGINT));
  signal.addEventListener("abort", interrupt, { once: true });
  // A keyboard is not passed on: a person types into one machine.
  if (!terminal.inIsTerminal) void broadcast(programs, () => waiting === 0, over.signal);
  const outcomes = await Promise.all(places.map((place) => {
    const paint = trustColor(session.out, place.domain.trustLevel);
    const prefix = `${paint(place.machine.name.padEnd(width))} | `;
    const onOpen = (program?: RunningProgram): void => {
      waiting--;
      if (program === undefined) return;
      programs.add(program);
      if (terminal.inIsTerminal) program.end();
    };
    return runOne(incus, place, argv, options.json ? undefined : prefix, onOpen, unread, session);
  }));
  over.abort();
  signal.removeEventListener("abort", interrupt);
  if (unread.signal.aborted) return BROKEN_PIPE;
  if (options.json) terminal.out(jsonText({ format: 1, results: outcomes }));
  return verdict(outcomes, options, session);
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

async function runOne(
  incus: IncusClient,
  { instance, machine }: FoundMachine,
  argv: readonly string[],
  prefix: string | undefined,
  onOpen: (program?: RunningProgram) => void,
  unread: AbortController,
  { terminal }: Session,
): Promise<ExecOutcome> {
  let opened = false;
  const streams = (["out", "err"] as const).map((name) => {
    let text = "";
    const write = (part: string): void => {
      if (prefix === undefined) text += part;
      else terminal[name](part);
      if (terminal.outClosed) unread.abort();
    };
    return { lines: prefixLines(prefix ?? "", write), text: () => text };
  });
  const [stdout, stderr] = streams as [typeof streams[number], typeof streams[number]];
  // Shown lines are not kept. Output for JSON is kept, so it has a limit.
  const limit = new OutputLimit(machine.name, prefix === undefined ? undefined : Infinity);
  let status: number;
  try {
    status = await incus.instances.execStream(instance.project, instance.name, argv, {
      onStdout: (bytes) => limit.takes(bytes) && stdout.lines.take(bytes),
      onStderr: (bytes) => limit.takes(bytes) && stderr.lines.take(bytes),
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
    stderr.lines.take(new TextEncoder().encode(`${error.message}\n`));
    status = error instanceof ProgramNotRunError ? error.exitStatus : NOT_RUN;
    if (!opened) onOpen();
  }
  stdout.lines.end();
  stderr.lines.end();
  return { machine: machine.name, status, stdout: stdout.text(), stderr: stderr.text() };
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

function verdict(
  outcomes: readonly ExecOutcome[],
  { json }: ExecFlags,
  { terminal, err, signal }: Session,
): ExitStatus {
  const failed = outcomes.filter(({ status }) => status !== 0);
  if (failed.length > 0 && !json) {
    const list = failed.map(({ machine, status }) => `${machine} (${status})`).join(", ");
    const head = err.colors.red(
      `Failed in ${failed.length} of ${count(outcomes.length, "machine")}`,
    );
    terminal.err(`${head}: ${list}\n`);
  }
  if (signal.aborted) return EXIT.interrupted;
  return failed.length === 0 ? EXIT.done : EXIT.failed;
}

export interface ExecFlags {
  readonly domain: readonly string[];
  readonly all?: true;
  readonly user?: string;
  /** true: a terminal although there is none here; false: none although there is one. */
  readonly tty?: boolean;
  readonly json?: true;
}

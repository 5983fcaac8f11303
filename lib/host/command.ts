import { childEnvironment } from "./environment.ts";
import { optional } from "../diag/optional.ts";

/**
 * The reason why a program did not succeed:
 * - `missing`: it is not installed.
 * - `not-granted`: anklume was compiled without the right to run it, or it is in a directory that
 *   was not on the PATH when anklume started.
 * - `denied`: it exists but is not executable.
 * - `failed`: it ended with a status other than 0.
 * - `killed`: a signal ended it.
 * - `timeout`, `interrupted`: anklume ended it.
 * - `no-directory`: the working directory does not exist.
 */
type CommandFailure =
  | "missing"
  | "not-granted"
  | "denied"
  | "failed"
  | "killed"
  | "timeout"
  | "interrupted"
  | "no-directory";

/**
 * A program that could not be run or did not succeed. The message is a sentence; `stderr` holds the
 * program's own error output.
 */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly argv: readonly string[];
  readonly reason: CommandFailure;
  /** Exit status; undefined if the program never ran. 128 + n after signal n. */
  readonly code: number | undefined;
  readonly stderr: string;

  constructor(
    argv: readonly string[],
    reason: CommandFailure,
    detail: { code?: number; stderr?: string; cause?: unknown; text?: string } = {},
  ) {
    super(sentence(argv, reason, detail), { cause: detail.cause });
    this.argv = argv;
    this.reason = reason;
    this.code = detail.code;
    this.stderr = detail.stderr ?? "";
  }
}

function sentence(
  argv: readonly string[],
  reason: CommandFailure,
  { code, stderr, text }: { code?: number; stderr?: string; text?: string },
): string {
  const program = argv[0] ?? "(no program)";
  switch (reason) {
    case "missing":
      return `${program} is not installed, or not on the PATH`;
    case "not-granted":
      return `${program} may not be run by this anklume: it is not among the programs that anklume was compiled for, ` +
        "or it was not on the PATH when anklume started";
    case "denied":
      return `${program} may not be run by this user: permission denied`;
    case "no-directory":
      return `Cannot run ${program}: its working directory does not exist`;
    case "timeout":
      return `${program} took longer than ${text} and was stopped`;
    case "interrupted":
      return `${program} was interrupted`;
    case "killed":
      return `${program} was ended by ${text}`;
    case "failed": {
      // nft and sysctl report the problem in the first line. The whole text is in `stderr`.
      const words = (stderr ?? "").trim().split("\n", 1)[0] ?? "";
      return `${program} failed with status ${code}${words === "" ? "" : `: ${words}`}`;
    }
  }
}

/** The stream that a piece of output came from. */
export type OutputStream = "stdout" | "stderr";

/**
 * Milliseconds for a program that only reads this host, or sets one thing. On a busy emulated host
 * `ip` took more than ten seconds.
 */
export const PATIENCE_MS = 60_000;

export interface CommandOptions {
  /** Written to standard input, which is then closed. By default standard input is empty. */
  readonly stdin?: string | AsyncIterable<string | Uint8Array>;
  /** The program reads anklume's own standard input, including the keyboard. */
  readonly inheritStdin?: true;
  readonly cwd?: string;
  /** Added to `childEnvironment()`. The program gets no other variables. */
  readonly env?: Readonly<Record<string, string>>;
  /**
   * On abort, the program is asked to stop (see `stopAfterMs`) and anklume waits for its end.
   * Without a signal, the program has its own process group and Ctrl-C does not reach it.
   */
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number;
  /**
   * The destination of the output. Default: it is collected and returned. `inherit`: it goes
   * directly to anklume's own streams, and standard input is anklume's too. A function: it receives
   * the text piece by piece as it arrives.
   */
  readonly output?: "inherit" | ((text: string, stream: OutputStream) => void);
  /** The signal that asks the program to stop. Default SIGTERM. */
  readonly stopSignal?: "SIGTERM" | "SIGINT";
  /**
   * Milliseconds between the abort and `stopSignal`; default 0. A program on the same terminal
   * already got SIGINT from Ctrl-C, and Ansible handles a second one badly: give it seconds. The
   * program is killed ten seconds later.
   */
  readonly stopAfterMs?: number;
  /** Exit statuses that count as success. Default `[0]`. */
  readonly okCodes?: readonly number[];
}

interface CommandResult {
  readonly code: number;
  /** Both are empty if `output` was given. */
  readonly stdout: string;
  readonly stderr: string;
}

const KILL_AFTER_MS = 10_000;
/** Milliseconds that output is still read after the program's end. */
const GRACE_MS = 500;
/**
 * Characters kept of a stream that goes to a function, so that an error can still quote the
 * program.
 */
const TAIL_CHARS = 4_000;

/**
 * Runs a program to its end, without a shell. With a `signal` the program stays in anklume's
 * process group, so Ctrl-C reaches it too; the caller listens for the interrupt and aborts the
 * signal. Throws `CommandError` unless the program ends with one of `okCodes`.
 *
 * `Deno.kill` needs an unrestricted run permission; `ChildProcess.kill` does not.
 */
export async function runCommand(
  argv: readonly [string, ...string[]],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const { signal, timeoutMs, output, okCodes = [0] } = options;
  if (signal?.aborted) throw new CommandError(argv, "interrupted", { cause: signal.reason });
  const child = spawn(argv, options);

  let ended: "timeout" | "interrupted" | undefined;
  const timers: number[] = [];
  const stop = (why: "timeout" | "interrupted", afterMs: number): void => {
    if (ended !== undefined) return;
    ended = why;
    timers.push(
      setTimeout(() => tryKill(child, options.stopSignal ?? "SIGTERM"), afterMs),
      setTimeout(() => tryKill(child, "SIGKILL"), afterMs + KILL_AFTER_MS),
    );
  };
  const onAbort = (): void => stop("interrupted", options.stopAfterMs ?? 0);
  signal?.addEventListener("abort", onAbort, { once: true });
  if (timeoutMs !== undefined) timers.push(setTimeout(() => stop("timeout", 0), timeoutMs));

  try {
    const inherited = output === "inherit";
    const sink = typeof output === "function" ? output : undefined;
    const [stdout, stderr, status] = await Promise.all([
      inherited ? "" : gather(child.stdout, child.status, sink && ((text) => sink(text, "stdout"))),
      inherited ? "" : gather(child.stderr, child.status, sink && ((text) => sink(text, "stderr"))),
      child.status,
      options.stdin === undefined ? undefined : feed(child.stdin, options.stdin),
    ]);
    if (ended === "interrupted") {
      throw new CommandError(argv, ended, { code: status.code, stderr, cause: signal?.reason });
    }
    if (ended === "timeout") {
      const text = `${(timeoutMs ?? 0) / 1000} s`;
      throw new CommandError(argv, ended, { code: status.code, stderr, text });
    }
    if (status.signal !== null) {
      throw new CommandError(argv, "killed", { code: status.code, stderr, text: status.signal });
    }
    if (!okCodes.includes(status.code)) {
      throw new CommandError(argv, "failed", { code: status.code, stderr });
    }
    return sink
      ? { code: status.code, stdout: "", stderr: "" }
      : { code: status.code, stdout, stderr };
  } finally {
    for (const timer of timers) clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  }
}

function spawn(argv: readonly [string, ...string[]], options: CommandOptions): Deno.ChildProcess {
  const piped = options.output === "inherit" ? "inherit" : "piped";
  const [program, ...args] = argv;
  try {
    return new Deno.Command(program, {
      args,
      ...optional({ cwd: options.cwd }),
      clearEnv: true,
      detached: options.signal === undefined && piped === "piped",
      env: childEnvironment(options.env),
      stdin: options.stdin !== undefined
        ? "piped"
        : piped === "inherit" || options.inheritStdin
        ? "inherit"
        : "null",
      stdout: piped,
      stderr: piped,
    }).spawn();
  } catch (cause) {
    if (cause instanceof Deno.errors.NotCapable) {
      throw new CommandError(argv, "not-granted", { cause });
    }
    if (cause instanceof Deno.errors.NotFound) {
      // Deno throws NotFound for a missing directory too. The message then names `cwd`.
      const reason = /cwd/.test(cause.message) ? "no-directory" : "missing";
      throw new CommandError(argv, reason, { cause });
    }
    if (cause instanceof Deno.errors.PermissionDenied) {
      throw new CommandError(argv, "denied", { cause });
    }
    throw cause;
  }
}

/**
 * Reads a stream to its end. A child of the program can outlive it and keep the stream open for
 * ever, so reading stops `GRACE_MS` after the program's end. With `each`, only the last part is
 * kept, so that an error can quote it.
 */
async function gather(
  stream: ReadableStream<Uint8Array>,
  ended: Promise<unknown>,
  each: ((text: string) => void) | undefined,
): Promise<string> {
  const reader = stream.getReader();
  let timer: number | undefined;
  ended.then(() => timer = setTimeout(() => reader.cancel(), GRACE_MS));
  const decoder = new TextDecoder();
  let text = "";
  const take = (chunk: string): void => {
    if (chunk === "") return;
    each?.(chunk);
    text = each ? (text + chunk).slice(-TAIL_CHARS) : text + chunk;
  };
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    take(decoder.decode(part.value, { stream: true }));
  }
  take(decoder.decode());
  // If the timer is set at all, it is set before the end of the stream or just after it.
  await ended;
  clearTimeout(timer);
  return text;
}

async function feed(
  stdin: WritableStream<Uint8Array>,
  input: string | AsyncIterable<string | Uint8Array>,
): Promise<void> {
  try {
    const writer = stdin.getWriter();
    for await (const text of typeof input === "string" ? [input] : input) {
      await writer.write(typeof text === "string" ? new TextEncoder().encode(text) : text);
    }
    await writer.close();
  } catch {
    // A program can end without reading all of its input. Its status then tells why.
  }
}

/** Sends a signal to a process that may have ended already. */
function tryKill(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
  }
}

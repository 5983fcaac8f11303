import { ExpectedError } from "../diag/expected_error.ts";
import type { Connection } from "./collection.ts";
import { execStream, type ExecStreamOptions, type RunningProgram } from "./exec_stream.ts";
import { EXEC_TOO_EARLY, retryPassing } from "./retry.ts";

export interface ExecOptions
  extends Pick<ExecStreamOptions, "environment" | "cwd" | "user" | "group" | "signal"> {
  /** Written to standard input, which is then closed. Default: empty. */
  readonly stdin?: string | AsyncIterable<string> | undefined;
  /** Called with standard output as it arrives. The output is collected too. */
  readonly onStdout?: ((text: string) => void) | undefined;
  /** Milliseconds for the program, from the request to its end. Default 30 minutes. */
  readonly timeoutMs?: number | undefined;
  /**
   * Maximum output of both streams together. With more output the program is ended and
   * `TooMuchOutputError` is thrown. Default 16 MiB.
   */
  readonly mostBytes?: number | undefined;
  /**
   * The program may safely run twice. An exec right after a start can fail with "Failed to retrieve
   * PID of executing child process", and that error does not tell whether the program ran.
   */
  readonly repeatable?: boolean | undefined;
}

export interface ExecResult {
  /** 127 if there is no such program, 126 if it cannot be executed, 128 + n after signal n. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

const TIMEOUT_MS = 30 * 60_000;
const MOST_BYTES = 16 * 1024 * 1024;

/** A program in a machine printed more than the limit. */
export class TooMuchOutputError extends ExpectedError {
  override readonly name = "TooMuchOutputError";

  constructor(machine: string, mostBytes: number) {
    super(
      `The program in ${machine} printed more than ${mostBytes / 1024 ** 2} MiB, and was ended`,
    );
  }
}

/** Counts the output of programs. Aborts `signal` with `TooMuchOutputError` when it is too much. */
export class OutputLimit {
  readonly #over = new AbortController();
  readonly #machine: string;
  readonly #most: number;
  #bytes = 0;

  constructor(machine: string, mostBytes: number = MOST_BYTES) {
    this.#machine = machine;
    this.#most = mostBytes;
  }

  get signal(): AbortSignal {
    return this.#over.signal;
  }

  /** Returns true if these bytes are still within the limit. */
  takes(bytes: Uint8Array): boolean {
    this.#bytes += bytes.length;
    if (this.#bytes <= this.#most) return true;
    this.#over.abort(new TooMuchOutputError(this.#machine, this.#most));
    return false;
  }
}

/** Runs a program without a terminal and collects its output. */
export async function execInstance(
  connection: Connection,
  project: string,
  name: string,
  command: readonly string[],
  options: ExecOptions = {},
): Promise<ExecResult> {
  const run = (): Promise<ExecResult> => execOnce(connection, project, name, command, options);
  return options.repeatable ? await retryPassing(EXEC_TOO_EARLY, run, options.signal) : await run();
}

async function execOnce(
  connection: Connection,
  project: string,
  name: string,
  command: readonly string[],
  { stdin, onStdout, timeoutMs, mostBytes, ...options }: ExecOptions,
): Promise<ExecResult> {
  const stdout = new Text(onStdout);
  const stderr = new Text();
  const limit = new OutputLimit(name, mostBytes);
  const status = await execStream(connection, project, name, command, {
    ...options,
    timeoutMs: timeoutMs ?? TIMEOUT_MS,
    signal: options.signal === undefined
      ? limit.signal
      : AbortSignal.any([options.signal, limit.signal]),
    onStdout: (bytes) => limit.takes(bytes) && stdout.take(bytes),
    onStderr: (bytes) => limit.takes(bytes) && stderr.take(bytes),
    onOpen: (program) => feed(program, stdin ?? ""),
  });
  return { status, stdout: stdout.end(), stderr: stderr.end() };
}

async function feed(program: RunningProgram, stdin: string | AsyncIterable<string>): Promise<void> {
  for await (const text of typeof stdin === "string" ? [stdin] : stdin) {
    await program.write(new TextEncoder().encode(text));
  }
  program.end();
}

/** Decodes UTF-8 that arrives in pieces. */
class Text {
  readonly #decoder = new TextDecoder();
  readonly #onText: ((text: string) => void) | undefined;
  #text = "";

  constructor(onText?: (text: string) => void) {
    this.#onText = onText;
  }

  take(bytes: Uint8Array): void {
    this.#add(this.#decoder.decode(bytes, { stream: true }));
  }

  end(): string {
    this.#add(this.#decoder.decode());
    return this.#text;
  }

  #add(text: string): void {
    this.#text += text;
    if (text !== "") this.#onText?.(text);
  }
}

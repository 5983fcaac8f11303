import type { Connection } from "./collection.ts";
import { IncusError } from "./incus_error.ts";
import { apiPath } from "./path.ts";
import type { StreamHandlers, StreamSocket } from "./stream_socket.ts";
import type { Transport } from "./transport.ts";
import type { ConfigMap } from "./wire/common.ts";
import type { InstanceExecPost } from "./wire/instance.ts";
import type { Operation } from "./wire/operation.ts";
import { optional } from "../diag/optional.ts";

export interface ExecStreamOptions {
  /**
   * Size of the terminal. Without it, the program gets no terminal, and standard error is a
   * separate stream.
   */
  readonly terminal?: TerminalSize | undefined;
  /** Called with pieces of bytes as they arrive. With a terminal, all output is standard output. */
  readonly onStdout: (bytes: Uint8Array) => void;
  readonly onStderr: (bytes: Uint8Array) => void;
  /**
   * Called when the streams are open: from then on the program can be written to. If it fails, the
   * exec fails. Its success is not awaited, because a program may end before it has read all its
   * input. Default: the input is empty.
   */
  readonly onOpen?: ((program: RunningProgram) => void | Promise<void>) | undefined;
  readonly environment?: ConfigMap | undefined;
  readonly cwd?: string | undefined;
  readonly user?: number | undefined;
  readonly group?: number | undefined;
  /** On abort, the control channel is closed. Incus then kills the program. */
  readonly signal?: AbortSignal | undefined;
  /** Default: no limit. */
  readonly timeoutMs?: number | undefined;
}

interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/**
 * The possible actions on a running program. None of them fails: they do nothing after the program
 * has ended.
 */
export interface RunningProgram {
  /** Resolves when more can be written. */
  write(bytes: Uint8Array): Promise<void>;
  /** Closes standard input. Has no effect on a terminal. */
  end(): void;
  resize(size: TerminalSize): void;
  /** `signal` is a number, for example 2 for SIGINT (Ctrl-C). */
  kill(signal: number): void;
}

/** Size of the pieces in which standard input is sent. */
const CHUNK_BYTES = 64 * 1024;
/** The longest time that a timer can have, 24 days. */
const NO_LIMIT_MS = 2 ** 31 - 1;

/** A program that a machine does not have (status 127, as in a shell) or cannot execute (126). */
export class ProgramNotRunError extends IncusError {
  readonly program: string;
  readonly exitStatus: 127 | 126;

  constructor(
    { status, method, path }: IncusError,
    machine: string,
    program: string,
    exitStatus: 127 | 126,
  ) {
    const why = exitStatus === 127
      ? `${machine} has no program \`${program}\``
      : `${machine} cannot run \`${program}\`: it is not a program, or not executable`;
    super(status, method, path, why);
    this.program = program;
    this.exitStatus = exitStatus;
  }
}

/** Matched against the text of the error: Incus has no codes for these. */
const NOT_RUN = /^Command not (found|executable)$/;

/**
 * Runs a program and returns its exit status: 128 + n after signal n. Without a terminal there are
 * three streams and a control channel; with a terminal there are one stream and the channel. Each
 * is a WebSocket. Data is binary, and an empty text message ends a stream (Incus's documentation on
 * `exec`).
 * @throws ProgramNotRunError
 */
export async function execStream(
  { transport, operations }: Connection,
  project: string,
  name: string,
  command: readonly string[],
  options: ExecStreamOptions,
): Promise<number> {
  const sockets = new ExecSockets(transport);
  try {
    const operation = await operations.run("POST", apiPath`/1.0/instances/${name}/exec`, {
      query: { project },
      body: requestBody(command, options),
      signal: options.signal,
      timeoutMs: options.timeoutMs ?? NO_LIMIT_MS,
      attend: (operation) => sockets.attend(operation, options),
      isDone: () => Promise.resolve(false),
    });
    const status = operation?.metadata?.["return"];
    return typeof status === "number" ? status : -1;
  } catch (error) {
    if (!(error instanceof IncusError)) throw error;
    const word = NOT_RUN.exec(error.message)?.[1];
    if (word === undefined) throw error;
    throw new ProgramNotRunError(error, name, command[0] ?? "", word === "found" ? 127 : 126);
  } finally {
    await sockets.close();
  }
}

function requestBody(
  command: readonly string[],
  { terminal, environment, cwd, user, group }: ExecStreamOptions,
): InstanceExecPost {
  return {
    command,
    interactive: terminal !== undefined,
    "wait-for-websocket": true,
    ...(terminal === undefined ? {} : { width: terminal.columns, height: terminal.rows }),
    ...optional({ environment, cwd, user, group }),
  };
}

class ExecSockets {
  readonly #transport: Transport;
  readonly #open: StreamSocket[] = [];
  #over = false;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Returns when the program's output has ended. */
  async attend(operation: Operation, options: ExecStreamOptions): Promise<void> {
    const fds = descriptorsOf(operation);
    const path = apiPath`/1.0/operations/${operation.id}/websocket`;
    const connect = async (fd: string, handlers: StreamHandlers = {}): Promise<StreamSocket> => {
      const socket = await this.#transport.programStream(path, { secret: fds[fd] }, handlers);
      this.#open.push(socket);
      // The exec may end before all sockets are open.
      if (this.#over) void socket.close();
      return socket;
    };
    // Incus starts the program when all sockets except the control channel are open. So the control
    // channel is opened first.
    const control = await connect("control");
    const stdout = outputOf(options.onStdout);
    if (options.terminal !== undefined) {
      const stream = await connect("0", stdout.handlers);
      await Promise.race([stdout.ended, failureOf(options, running(stream, control, true))]);
      // The program's end of the terminal is closed. Incus waits until this end is closed too.
      return await stream.close();
    }
    const stderr = outputOf(options.onStderr);
    const [, , stdin] = await Promise.all([
      connect("1", stdout.handlers),
      connect("2", stderr.handlers),
      connect("0"),
    ]);
    await Promise.race([
      Promise.all([stdout.ended, stderr.ended]),
      failureOf(options, running(stdin, control, false)),
    ]);
  }

  async close(): Promise<void> {
    this.#over = true;
    await Promise.all(this.#open.map((socket) => socket.close()));
  }
}

/** Calls `onOpen`. The promise settles only if that fails. */
function failureOf({ onOpen }: ExecStreamOptions, program: RunningProgram): Promise<never> {
  return new Promise((_, reject) => {
    if (onOpen === undefined) program.end();
    else Promise.resolve(onOpen(program)).catch(reject);
  });
}

/** Returns the secrets of the streams by name: `0`, `1`, `2`, `control`. */
function descriptorsOf(operation: Operation): Readonly<Record<string, string>> {
  const fds = operation.metadata?.["fds"];
  if (typeof fds !== "object" || fds === null) {
    throw new TypeError(`exec operation ${operation.id} names no streams`);
  }
  return fds as Record<string, string>;
}

/** Handles one output stream, until the end mark or the end of the socket. */
function outputOf(take: (bytes: Uint8Array) => void): {
  readonly ended: Promise<void>;
  readonly handlers: StreamHandlers;
} {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { ended: promise, handlers: { onText: () => resolve(), onBytes: take, onClose: resolve } };
}

function running(stdin: StreamSocket, control: StreamSocket, terminal: boolean): RunningProgram {
  const command = (message: unknown): void => void control.send(JSON.stringify(message));
  return {
    async write(bytes) {
      // The program may end before it has read all its input. The rest is dropped.
      for (let at = 0; at < bytes.length && stdin.isOpen; at += CHUNK_BYTES) {
        await stdin.send(bytes.subarray(at, at + CHUNK_BYTES));
      }
    },
    end() {
      if (!terminal) void stdin.send("");
    },
    resize({ columns, rows }) {
      command({ command: "window-resize", args: { width: `${columns}`, height: `${rows}` } });
    },
    kill(signal) {
      command({ command: "signal", signal });
    },
  };
}

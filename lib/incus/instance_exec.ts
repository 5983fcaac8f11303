import type { Connection } from "./collection.ts";
import { closeWebSocket } from "./event_stream.ts";
import type { OperationOptions } from "./operations.ts";
import { apiPath } from "./path.ts";
import { EXEC_TOO_EARLY, retryPassing } from "./retry.ts";
import type { WebSocketHandlers } from "./transport.ts";
import type { ConfigMap } from "./wire/common.ts";
import type { InstanceExecPost } from "./wire/instance.ts";
import type { Operation } from "./wire/operation.ts";

export interface ExecOptions extends Omit<OperationOptions, "onProgress"> {
  /** Written to standard input, which is then closed. Default: empty. */
  readonly stdin?: string | AsyncIterable<string> | undefined;
  /** Told what comes on standard output as it comes, besides gathering it. */
  readonly onStdout?: ((text: string) => void) | undefined;
  readonly environment?: ConfigMap | undefined;
  readonly cwd?: string | undefined;
  readonly user?: number | undefined;
  readonly group?: number | undefined;
  /**
   * May be run twice without harm. An exec right after a start can fail with "Failed to retrieve PID of executing
   * child process", which does not say whether the program ran.
   */
  readonly repeatable?: boolean | undefined;
}

export interface ExecResult {
  /** 127 where there is no such program, 126 where it may not be run, 128 + n after signal n. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Pieces that standard input is sent in. */
const CHUNK_BYTES = 64 * 1024;

/**
 * Runs a program over four WebSockets (three streams and a control channel), as Incus's documentation on `exec` has it: data is
 * binary, an empty text message ends a stream. When `signal` is aborted or time is up the control channel is closed, at
 * which Incus kills the program.
 */
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
  { transport, operations }: Connection,
  project: string,
  name: string,
  command: readonly string[],
  { stdin, onStdout, environment, cwd, user, group, signal, timeoutMs }: ExecOptions,
): Promise<ExecResult> {
  const body: InstanceExecPost = {
    command,
    interactive: false,
    "wait-for-websocket": true,
    ...(environment === undefined ? {} : { environment }),
    ...(cwd === undefined ? {} : { cwd }),
    ...(user === undefined ? {} : { user }),
    ...(group === undefined ? {} : { group }),
  };
  const sockets: WebSocket[] = [];
  const stdout = new Output(onStdout);
  const stderr = new Output();
  let over = false;

  const attend = async (operation: Operation): Promise<void> => {
    const secrets = secretsOf(operation);
    const path = apiPath`/1.0/operations/${operation.id}/websocket`;
    const open = async (fd: keyof Secrets, handlers?: WebSocketHandlers): Promise<WebSocket> => {
      const socket = await transport.webSocket(path, { secret: secrets[fd] }, handlers);
      sockets.push(socket);
      // The end may come before all of them are open.
      if (over) socket.close();
      return socket;
    };
    // Incus starts the program as soon as the three streams are there: the control channel first.
    await open("control");
    await Promise.all([
      open("1", stdout.handlers),
      open("2", stderr.handlers),
      open("0").then((socket) => feed(socket, stdin ?? "")),
      stdout.ended,
      stderr.ended,
    ]);
  };

  try {
    const operation = await operations.run("POST", apiPath`/1.0/instances/${name}/exec`, {
      query: { project },
      body,
      signal,
      timeoutMs,
      attend,
      isDone: () => Promise.resolve(false),
    });
    const status = operation?.metadata?.["return"];
    return {
      status: typeof status === "number" ? status : -1,
      stdout: stdout.text,
      stderr: stderr.text,
    };
  } finally {
    over = true;
    await Promise.all(sockets.map(closeWebSocket));
  }
}

interface Secrets {
  readonly "0": string;
  readonly "1": string;
  readonly "2": string;
  readonly control: string;
}

function secretsOf(operation: Operation): Secrets {
  const fds = operation.metadata?.["fds"];
  if (typeof fds !== "object" || fds === null) {
    throw new TypeError(`exec operation ${operation.id} names no streams`);
  }
  return fds as Secrets;
}

/** What comes over one stream, as text, until the end mark or the end of the socket. */
class Output {
  text = "";
  readonly ended: Promise<void>;
  readonly handlers: WebSocketHandlers;

  constructor(onText?: (text: string) => void) {
    const decoder = new TextDecoder();
    const { promise, resolve } = Promise.withResolvers<void>();
    const take = (text: string): void => {
      this.text += text;
      if (text !== "") onText?.(text);
    };
    const finish = (): void => {
      take(decoder.decode());
      resolve();
    };
    this.ended = promise;
    this.handlers = {
      onMessage: (data) => {
        // Deno 2.6 hands null for a message that came while we were closing the socket.
        if (typeof data === "string") finish();
        else if (data instanceof ArrayBuffer) take(decoder.decode(data, { stream: true }));
      },
      onClose: finish,
    };
  }
}

/** The program may end before it has read its input, which then is nobody's loss. */
async function feed(socket: WebSocket, stdin: string | AsyncIterable<string>): Promise<void> {
  for await (const text of typeof stdin === "string" ? [stdin] : stdin) {
    const bytes = new TextEncoder().encode(text);
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
      if (socket.readyState !== WebSocket.OPEN) return;
      socket.send(bytes.subarray(at, at + CHUNK_BYTES));
    }
  }
  if (socket.readyState === WebSocket.OPEN) socket.send("");
}

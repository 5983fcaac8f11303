import { Buffer } from "node:buffer";
import websocketDriver from "websocket-driver";

export interface StreamHandlers {
  readonly onText?: (text: string) => void;
  readonly onBytes?: (bytes: Uint8Array) => void;
  /** Called once, after the last message. */
  readonly onClose?: () => void;
}

/** Milliseconds that Incus may take to close its end. */
const CLOSE_MS = 1000;
const READ_BYTES = 64 * 1024;

/**
 * A WebSocket for a stream of a program. Incus sends a ping when a stream opens, and closes the
 * connection as soon as the program has ended. Deno's own WebSocket answers the ping before it
 * reads on, and drops what it has not read yet if that answer cannot be sent (fastwebsockets,
 * `read_frame`): the output of a program that ends at once was lost on a busy host. Here a write
 * that fails does not end the reading.
 */
export class StreamSocket {
  readonly #connection: Deno.UnixConn;
  readonly #driver: WebSocketDriver;
  readonly #handlers: StreamHandlers;
  readonly #opened = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<void>();
  #isOpen = false;
  #written: Promise<void> = Promise.resolve();

  private constructor(connection: Deno.UnixConn, path: string, handlers: StreamHandlers) {
    this.#connection = connection;
    this.#handlers = handlers;
    // The host name means nothing on a unix socket, but HTTP asks for one.
    this.#driver = (websocketDriver as DriverModule).client(`ws://incus${path}`);
    this.#driver.io.on("data", (bytes) => this.#write(bytes));
    this.#driver.on("open", () => {
      this.#isOpen = true;
      this.#opened.resolve();
    });
    this.#driver.on("message", ({ data }) => {
      if (typeof data === "string") handlers.onText?.(data);
      else handlers.onBytes?.(data);
    });
    this.#driver.on("error", (error) => this.#opened.reject(error));
    // Incus has answered the close, or asked for it: nothing follows.
    this.#driver.on("close", () => this.#end());
  }

  /**
   * Opens a stream on the daemon's unix socket. `path` is that of the URL, with its query.
   * @throws Error if the daemon is away or refuses
   */
  static async open(
    unixSocket: string,
    path: string,
    handlers: StreamHandlers = {},
  ): Promise<StreamSocket> {
    const connection = await Deno.connect({ transport: "unix", path: unixSocket });
    const socket = new StreamSocket(connection, path, handlers);
    socket.#driver.start();
    void socket.#read();
    await socket.#opened.promise;
    return socket;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Resolves when the message is written. Does nothing after the end of the stream. */
  async send(message: string | Uint8Array): Promise<void> {
    if (!this.#isOpen) return;
    if (typeof message === "string") this.#driver.text(message);
    else this.#driver.binary(Buffer.from(message));
    await this.#written;
  }

  /** Asks Incus to close its end, and waits for that for a second. */
  async close(): Promise<void> {
    if (this.#isOpen) this.#driver.close();
    const timer = setTimeout(() => this.#end(), CLOSE_MS);
    await this.#closed.promise;
    clearTimeout(timer);
  }

  async #read(): Promise<void> {
    const buffer = new Uint8Array(READ_BYTES);
    try {
      for (;;) {
        const length = await this.#connection.read(buffer);
        if (length === null) break;
        // A copy, because the driver keeps pieces of incomplete messages.
        this.#driver.parse(Buffer.from(buffer.subarray(0, length)));
      }
    } catch {
      // Closed by this side, or reset by Incus after its last message.
    }
    this.#end();
  }

  #write(bytes: Uint8Array): void {
    this.#written = this.#written.then(async () => {
      for (let at = 0; at < bytes.length;) {
        at += await this.#connection.write(bytes.subarray(at));
      }
    }).catch(() => {
      // Incus has closed its end. What it sent before is still read.
    });
  }

  #end(): void {
    this.#opened.reject(new Error("the connection was closed before the stream was open"));
    const wasOpen = this.#isOpen;
    this.#isOpen = false;
    try {
      this.#connection.close();
    } catch {
      // It was closed before.
    }
    this.#closed.resolve();
    if (wasOpen) this.#handlers.onClose?.();
  }
}

/** What is used of https://github.com/faye/websocket-driver-node, which has no types of its own. */
interface DriverModule {
  client(url: string): WebSocketDriver;
}

interface WebSocketDriver {
  readonly io: { on(event: "data", listener: (bytes: Uint8Array) => void): void };
  on(event: "open" | "close", listener: () => void): void;
  on(event: "message", listener: (message: { data: string | Uint8Array }) => void): void;
  on(event: "error", listener: (error: Error) => void): void;
  start(): void;
  parse(bytes: Uint8Array): void;
  text(message: string): void;
  binary(message: Uint8Array): void;
  close(): void;
}

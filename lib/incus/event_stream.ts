import type { Transport } from "./transport.ts";
import type { Operation, OperationEvent } from "./wire/operation.ts";

/** Called with every new state of one operation, in no promised order; undefined: the stream broke, ask otherwise. */
export type OperationListener = (operation: Operation | undefined) => void;

/** While one is held, what the stream says about any operation is remembered. */
export interface Subscription extends Disposable {
  /** Tells what was said already, then what comes. The answer stops it. */
  follow(id: string, listener: OperationListener): () => void;
}

/**
 * The daemon's event stream, for operations of all projects. One WebSocket, opened when it is first needed and again when it
 * broke. Subscribe, then send the request: an operation may be over before its answer has been read, and Incus forgets
 * it five seconds later.
 */
export class EventStream implements AsyncDisposable {
  readonly #transport: Transport;
  #opening: Promise<WebSocket | undefined> | undefined;
  #live: WebSocket | undefined;
  /** Closed even before the opening was noticed. */
  #closed = false;
  #subscriptions = 0;
  readonly #latest = new Map<string, Operation>();
  readonly #listeners = new Map<string, OperationListener>();

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Never fails: where the stream cannot be had, every `follow` says so at once. */
  async subscribe(): Promise<Subscription> {
    this.#subscriptions++;
    const socket = await (this.#opening ??= this.#open());
    return {
      follow: (id, listener) => this.#follow(id, listener, socket),
      [Symbol.dispose]: () => {
        if (--this.#subscriptions === 0) this.#latest.clear();
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const socket = await this.#opening;
    if (socket) await closeWebSocket(socket);
  }

  async #open(): Promise<WebSocket | undefined> {
    try {
      const query = { type: "operation", "all-projects": true };
      this.#closed = false;
      const socket = await this.#transport.webSocket("/1.0/events", query, {
        onMessage: (data) => this.#take(data),
        onClose: () => this.#lose(),
      });
      if (!this.#closed) this.#live = socket;
      return socket;
    } catch {
      // The request that follows says why the daemon is not to be reached, if it is not.
      this.#opening = undefined;
      return undefined;
    }
  }

  #follow(id: string, listener: OperationListener, socket: WebSocket | undefined): () => void {
    const latest = this.#latest.get(id);
    if (latest) listener(latest);
    // A stream that was opened again has a gap in it.
    if (socket === undefined || socket !== this.#live) {
      listener(undefined);
      return () => {};
    }
    this.#listeners.set(id, listener);
    return () => void this.#listeners.delete(id);
  }

  #take(data: unknown): void {
    const event = parseEvent(data);
    if (event === undefined) return;
    const operation = event.metadata;
    const ended = (this.#latest.get(operation.id)?.status_code ?? 0) >= 200;
    if (this.#subscriptions > 0 && !ended) this.#latest.set(operation.id, operation);
    this.#listeners.get(operation.id)?.(operation);
  }

  #lose(): void {
    this.#closed = true;
    this.#live = undefined;
    this.#opening = undefined;
    const listeners = [...this.#listeners.values()];
    this.#listeners.clear();
    for (const listener of listeners) listener(undefined);
  }
}

/** Incus closes its end when asked to; one that does not is left alone after a second. */
export function closeWebSocket(socket: WebSocket): Promise<void> {
  if (socket.readyState === WebSocket.CLOSED) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, 1000);
    socket.addEventListener("close", () => {
      clearTimeout(timer);
      resolve();
    });
    socket.close();
  });
}

function parseEvent(data: unknown): OperationEvent | undefined {
  if (typeof data !== "string") return undefined;
  try {
    const event = JSON.parse(data) as OperationEvent;
    return event.type === "operation" ? event : undefined;
  } catch {
    return undefined;
  }
}

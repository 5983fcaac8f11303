import type { Transport } from "./transport.ts";
import type { Operation, OperationEvent } from "./wire/operation.ts";

/**
 * Called with every new state of one operation; the order is not guaranteed. `undefined` means that
 * the stream broke: ask for the state by a request.
 */
type OperationListener = (operation: Operation | undefined) => void;

/** As long as a subscription exists, the stream's messages about all operations are remembered. */
export interface Subscription extends Disposable {
  /**
   * Calls `listener` with the remembered state, then with every new one. Returns a function that
   * stops this.
   */
  follow(id: string, listener: OperationListener): () => void;
}

/**
 * The daemon's event stream for operations of all projects. It is one WebSocket, opened when it is
 * first needed and again after it broke. Subscribe before sending the request: an operation may end
 * before its answer has been read, and Incus forgets it five seconds later.
 */
export class EventStream implements AsyncDisposable {
  readonly #transport: Transport;
  #opening: Promise<WebSocket | undefined> | undefined;
  #live: WebSocket | undefined;
  /** The socket can be closed even before its opening was noticed. */
  #closed = false;
  #subscriptions = 0;
  readonly #latest = new Map<string, Operation>();
  readonly #listeners = new Map<string, OperationListener>();

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /**
   * Never fails. If there is no stream, every `follow` calls its listener with undefined at once.
   */
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
      // The request that follows reports why the daemon cannot be reached, if that is the case.
      this.#opening = undefined;
      return undefined;
    }
  }

  #follow(id: string, listener: OperationListener, socket: WebSocket | undefined): () => void {
    const latest = this.#latest.get(id);
    if (latest) listener(latest);
    // A stream that was opened again has missed messages.
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

/**
 * Closes a WebSocket. Incus closes its end when asked to; after one second without that, anklume
 * stops waiting.
 */
function closeWebSocket(socket: WebSocket): Promise<void> {
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

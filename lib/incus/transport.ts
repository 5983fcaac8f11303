import { deadline } from "./deadline.ts";
import {
  IncusError,
  IncusTimeoutError,
  IncusUnreachableError,
  toUnreachable,
} from "./incus_error.ts";
import { type Query, withQuery } from "./path.ts";
import type { StreamHandlers, StreamSocket } from "./stream_socket.ts";
import type { Envelope, Operation } from "./wire/operation.ts";
import { optional } from "../diag/optional.ts";

/** The host name in the URL stands for the socket. `--allow-net` grants the same name. */
const BASE = "http://incus";
const READ_TIMEOUT_MS = 30_000;
/**
 * Incus creates bridges one after another and needs half a second for each, so thirty requests at
 * once take long.
 */
const WRITE_TIMEOUT_MS = 180_000;

export type Method = "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";

/** One request, for counting and tracing. `status` is 0 if there was no answer. */
export interface RequestTrace {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly ms: number;
}

export interface RequestOptions {
  readonly query?: Query | undefined;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent unchanged, instead of `body`. */
  readonly content?: Uint8Array<ArrayBuffer> | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Writes only if the resource is still as it was read. Otherwise throws `IncusError` 412. */
  readonly etag?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
}

/** Options of a request whose answer is bytes instead of Incus's JSON envelope. */
interface StreamOptions extends Pick<RequestOptions, "query" | "signal"> {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: BodyInit | undefined;
}

/** The answer to a request. `operation` is set if the work continues in the background. */
export interface HttpAnswer {
  readonly metadata: unknown;
  readonly etag: string | undefined;
  readonly operation: Operation | undefined;
}

export interface WebSocketHandlers {
  /** `data` is a string or an ArrayBuffer. */
  readonly onMessage?: (data: unknown) => void;
  /** Called only for a socket that was open. */
  readonly onClose?: () => void;
}

export interface TransportOptions {
  readonly socket: string;
  readonly onRequest?: ((trace: RequestTrace) => void) | undefined;
  /**
   * Timeout of each request instead of the defaults. It does not limit the background work that the
   * request starts.
   */
  readonly timeoutMs?: number | undefined;
}

/**
 * HTTP over the daemon's unix socket, with one connection per request. Connections are not kept
 * alive, on purpose: Deno's pool opens a second connection when the kept one is still busy, and may
 * then send nothing over it. Incus (6.0, and still in 2026) reads the first bytes of a connection
 * in its accept loop, to tell TLS from HTTP (internal/server/endpoints/listeners/starttls.go). One
 * silent connection blocks the daemon for everybody on the host until it is closed, 90 s later.
 * Kept connections would save 0.05 to 0.5 ms per request.
 */
export class Transport implements Disposable {
  readonly socket: string;
  readonly #client: Deno.HttpClient;
  readonly #onRequest: ((trace: RequestTrace) => void) | undefined;
  readonly #timeoutMs: number | undefined;
  #requestCount = 0;

  constructor({ socket, onRequest, timeoutMs }: TransportOptions) {
    this.socket = socket;
    this.#timeoutMs = timeoutMs;
    this.#onRequest = onRequest;
    try {
      this.#client = Deno.createHttpClient({
        proxy: { transport: "unix", path: socket },
        poolMaxIdlePerHost: 0,
      });
    } catch (error) {
      throw toUnreachable(error, socket) ?? error;
    }
  }

  get requestCount(): number {
    return this.#requestCount;
  }

  /**
   * Sends one request. Throws `IncusError` if Incus refuses, `IncusTimeoutError`,
   * `IncusUnreachableError`, or the signal's reason. A GET is sent once more if its connection
   * broke, because reading changes nothing. Other methods are not repeated.
   */
  async request(method: Method, path: string, options: RequestOptions = {}): Promise<HttpAnswer> {
    try {
      return await this.#once(method, path, options);
    } catch (error) {
      const broke = error instanceof IncusUnreachableError && error.reason === "closed";
      if (method !== "GET" || !broke) throw error;
      return await this.#once(method, path, options);
    }
  }

  /** Returns the `metadata` of a GET, as the type that the documentation promises. */
  async read<T>(path: string, options: RequestOptions = {}): Promise<T> {
    return (await this.request("GET", path, options)).metadata as T;
  }

  /** Like `read`, and also returns the ETag that a later `update` or `delete` can use. */
  async readTagged<T>(path: string, options: RequestOptions = {}): Promise<Tagged<T>> {
    const { metadata, etag } = await this.request("GET", path, options);
    return { value: metadata as T, etag: etag ?? "" };
  }

  /** Sends and receives bytes without a time limit. Throws `IncusError` if Incus refuses. */
  async stream(method: Method, path: string, options: StreamOptions): Promise<Response> {
    const full = withQuery(path, options.query ?? {});
    const start = performance.now();
    this.#requestCount++;
    let response: Response;
    try {
      response = await fetch(BASE + full, {
        client: this.#client,
        method,
        ...optional({ headers: options.headers, body: options.body, signal: options.signal }),
      });
    } catch (error) {
      this.#trace(method, full, 0, start);
      if (options.signal?.aborted) throw error;
      throw toUnreachable(error, this.socket) ?? error;
    }
    this.#trace(method, full, response.status, start);
    if (response.ok) return response;
    // The reason is in the body, and an answer to HEAD has none.
    if (method === "HEAD") throw new IncusError(response.status, method, full, "no reason given");
    const envelope = this.#parse(await response.text());
    const status = envelope.error_code || response.status;
    throw new IncusError(status, method, full, envelope.error || `HTTP status ${status}`);
  }

  /**
   * Opens a WebSocket on the same socket; it counts as a request. The handlers are set before the
   * first message can arrive: a fast program can end before the caller has awaited the promise.
   */
  webSocket(path: string, query: Query, handlers: WebSocketHandlers = {}): Promise<WebSocket> {
    const full = withQuery(path, query);
    const start = performance.now();
    this.#requestCount++;
    const socket = new WebSocket(`${BASE.replace("http", "ws")}${full}`, { client: this.#client });
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }): void => handlers.onMessage?.(data);
    return new Promise((resolve, reject) => {
      let open = false;
      socket.onopen = (): void => {
        open = true;
        this.#trace("GET", full, 101, start);
        resolve(socket);
      };
      // An error is always followed by a close.
      socket.onerror = (event): void => {
        if (open) return;
        this.#trace("GET", full, 0, start);
        const message = event instanceof ErrorEvent ? event.message : "";
        reject(new IncusUnreachableError("closed", this.socket, new TypeError(message)));
      };
      socket.onclose = (): void => {
        if (open) handlers.onClose?.();
      };
    });
  }

  /** Opens a stream of a program on the same socket; it counts as a request. */
  async programStream(path: string, query: Query, handlers: StreamHandlers): Promise<StreamSocket> {
    const full = withQuery(path, query);
    const start = performance.now();
    this.#requestCount++;
    let status = 0;
    try {
      const { StreamSocket } = await import("./stream_socket.ts");
      const stream = await StreamSocket.open(this.socket, full, handlers);
      status = 101;
      return stream;
    } catch (error) {
      throw new IncusUnreachableError("closed", this.socket, error);
    } finally {
      this.#trace("GET", full, status, start);
    }
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }

  async #once(method: Method, path: string, options: RequestOptions): Promise<HttpAnswer> {
    const full = withQuery(path, options.query ?? {});
    const ms = options.timeoutMs ?? this.#timeoutMs ??
      (method === "GET" ? READ_TIMEOUT_MS : WRITE_TIMEOUT_MS);
    options.signal?.throwIfAborted();
    using limit = deadline(ms, options.signal);
    const start = performance.now();
    this.#requestCount++;
    let status = 0;
    let etag: string | null;
    let text: string;
    try {
      const response = await fetch(BASE + full, {
        client: this.#client,
        method,
        headers: { ...options.headers, ...optional({ "If-Match": options.etag }) },
        ...(options.content !== undefined
          ? { body: options.content }
          : options.body === undefined
          ? {}
          : { body: JSON.stringify(options.body) }),
        signal: limit.signal,
      });
      status = response.status;
      etag = response.headers.get("etag");
      text = await response.text();
    } catch (error) {
      if (limit.expired) throw new IncusTimeoutError(method, full, ms);
      if (limit.signal.aborted) throw error;
      throw toUnreachable(error, this.socket) ?? error;
    } finally {
      this.#trace(method, full, status, start);
    }
    const envelope = this.#parse(text);
    if (envelope.type === "error" || status >= 400) {
      const message = envelope.error || `HTTP status ${status}`;
      throw new IncusError(envelope.error_code || status, method, full, message);
    }
    return {
      metadata: envelope.metadata,
      etag: etag ?? undefined,
      operation: envelope.type === "async" ? backgroundOperation(envelope) : undefined,
    };
  }

  #parse(text: string): Envelope {
    try {
      const envelope: unknown = JSON.parse(text);
      if (typeof envelope === "object" && envelope !== null && "type" in envelope) {
        return envelope as Envelope;
      }
    } catch {
      // Thrown below.
    }
    throw new IncusUnreachableError("not-incus", this.socket, new Error(text.slice(0, 200)));
  }

  #trace(method: string, path: string, status: number, start: number): void {
    this.#onRequest?.({ method, path, status, ms: performance.now() - start });
  }
}

/** A resource with the ETag it was read with. */
export interface Tagged<T> {
  readonly value: T;
  readonly etag: string;
}

/**
 * Incus may answer without a description if the operation ended at once. The URL still contains its
 * id.
 */
function backgroundOperation(envelope: Envelope): Operation {
  if (envelope.metadata) return envelope.metadata as Operation;
  const id = (envelope.operation ?? "").split("/").at(-1) ?? "";
  return {
    id,
    class: "task",
    description: "",
    status: "Running",
    status_code: 103,
    metadata: null,
    resources: null,
    err: "",
  };
}

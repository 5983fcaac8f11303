import { deadline } from "./deadline.ts";
import { EventStream, type Subscription } from "./event_stream.ts";
import { IncusError, IncusTimeoutError } from "./incus_error.ts";
import { apiPath, withQuery } from "./path.ts";
import { qemuFirst } from "./qemu_failure.ts";
import type { Method, RequestOptions, Transport } from "./transport.ts";
import type { Operation } from "./wire/operation.ts";

/** Long enough for a download. */
const TIMEOUT_MS = 30 * 60_000;
/**
 * An event can be lost between the opening of the WebSocket and the moment when Incus listens to
 * it. After this much silence, anklume asks for the state.
 */
const SILENCE_MS = 10_000;
const FINAL = 200;

export interface OperationOptions {
  /**
   * On abort, waiting stops and the signal's reason is thrown. Incus continues with the operation;
   * it can interrupt almost nothing.
   */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds for the operation, from the request to its end. Default 30 minutes. */
  readonly timeoutMs?: number | undefined;
  /** Receives Incus's text about the progress, such as `rootfs: 43% (12.40MB/s)`. */
  readonly onProgress?: ((text: string) => void) | undefined;
}

export interface RunOptions extends OperationOptions, RequestOptions {
  /**
   * Called when Incus has forgotten the operation. Returns true if the state of the resource shows
   * that it succeeded.
   */
  readonly isDone: () => Promise<boolean>;
  /** Called when Incus has accepted the operation. Awaited together with the operation's end. */
  readonly attend?: (operation: Operation) => Promise<void>;
}

/** Background work of the daemon: sends a request and waits for the operation that it starts. */
export class Operations implements AsyncDisposable {
  readonly #transport: Transport;
  readonly #events: EventStream;

  constructor(transport: Transport) {
    this.#transport = transport;
    this.#events = new EventStream(transport);
  }

  /**
   * Sends a request and returns when its operation has succeeded. Returns undefined if the request
   * was answered at once, or if Incus forgot the operation and `isDone` returned true. Throws
   * `IncusError` with the operation's text if it failed.
   */
  async run(method: Method, path: string, options: RunOptions): Promise<Operation | undefined> {
    using subscription = await this.#events.subscribe();
    const { query, body, etag, signal } = options;
    const request = { query, body, etag, signal };
    const { operation } = await this.#transport.request(method, path, request);
    if (operation === undefined) return undefined;
    const asked = withQuery(path, query ?? {});
    const [ended] = await Promise.all([
      this.#settle(method, asked, operation, subscription, options),
      options.attend?.(operation),
    ]);
    return ended;
  }

  /**
   * Waits for the daemon's running operations on instances and volumes of these projects, whoever
   * started them.
   * @returns true if there were any
   */
  async waitForOthers(projects: ReadonlySet<string>, signal?: AbortSignal): Promise<boolean> {
    const query = { recursion: 1, "all-projects": true };
    const groups = await this.#transport.read<Record<string, Operation[]> | null>(
      "/1.0/operations",
      { query, signal },
    );
    const going = Object.values(groups ?? {}).flat().filter((operation) =>
      operation.class === "task" && operation.status_code < FINAL && touches(operation, projects)
    );
    const waiting = signal ?? new AbortController().signal;
    await Promise.all(
      going.map(({ id }) => this.#ask(`${apiPath`/1.0/operations/${id}`}/wait`, waiting)),
    );
    return going.length > 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#events[Symbol.asyncDispose]();
  }

  async #settle(
    method: Method,
    path: string,
    started: Operation,
    subscription: Subscription,
    options: RunOptions,
  ): Promise<Operation | undefined> {
    const ms = options.timeoutMs ?? TIMEOUT_MS;
    using limit = deadline(ms, options.signal);
    const ended = await this.#end(started, subscription, limit.signal, options.onProgress)
      .catch((error) => {
        if (limit.expired) throw new IncusTimeoutError(method, path, ms);
        throw error;
      });
    if (ended === undefined) {
      if (await options.isDone()) return undefined;
      throw new IncusError(404, method, path, "Incus no longer knows the result");
    }
    if (ended.status_code === FINAL) return ended;
    const words = qemuFirst(ended.err || ended.status);
    throw new IncusError(ended.status_code, method, path, words);
  }

  /** Returns the operation's last state; undefined if Incus has forgotten it. */
  #end(
    started: Operation,
    subscription: Subscription,
    signal: AbortSignal,
    onProgress: ((text: string) => void) | undefined,
  ): Promise<Operation | undefined> {
    const path = apiPath`/1.0/operations/${started.id}`;
    return new Promise((resolve, reject) => {
      let over = false;
      let timer: number | undefined;
      let unfollow = (): void => {};
      let told = "";
      const finish = (settle: () => void): void => {
        over = true;
        clearTimeout(timer);
        signal.removeEventListener("abort", onAbort);
        unfollow();
        settle();
      };
      const onAbort = (): void => finish(() => reject(signal.reason));
      const see = (operation: Operation | undefined): void => {
        if (over) return;
        if (operation === undefined || operation.status_code >= FINAL) {
          return finish(() => resolve(operation));
        }
        const text = progressText(operation);
        if (text !== undefined && text !== told) onProgress?.(told = text);
        watch();
      };
      const ask = (suffix: "" | "/wait"): void => {
        this.#ask(path + suffix, signal).then(see, (error) => finish(() => reject(error)));
      };
      const watch = (): void => {
        clearTimeout(timer);
        timer = setTimeout(() => ask(""), SILENCE_MS);
      };
      if (signal.aborted) return reject(signal.reason);
      signal.addEventListener("abort", onAbort, { once: true });
      see(started);
      if (over) return;
      unfollow = subscription.follow(started.id, (operation) => {
        if (operation) see(operation);
        else if (!over) ask("/wait");
      });
      if (over) unfollow();
    });
  }

  /**
   * Reads an operation. Returns undefined if Incus no longer knows it: it then answers 404 or null.
   */
  async #ask(path: string, signal: AbortSignal): Promise<Operation | undefined> {
    try {
      const query = path.endsWith("/wait") ? { timeout: -1 } : {};
      const options = { query, signal, timeoutMs: TIMEOUT_MS };
      return (await this.#transport.read<Operation | null>(path, options)) ?? undefined;
    } catch (error) {
      if (error instanceof IncusError && error.status === 404) return undefined;
      throw error;
    }
  }
}

/**
 * Returns the text of any progress key: `download_progress`,
 * `create_instance_from_image_unpack_progress` and others.
 */
function progressText(operation: Operation): string | undefined {
  for (const [key, value] of Object.entries(operation.metadata ?? {})) {
    if (key.endsWith("_progress") && typeof value === "string") return value;
  }
  return undefined;
}

/**
 * True if an operation concerns one of the projects. Resources are API paths, such as
 * `/1.0/instances/web?project=pro`.
 */
function touches({ resources }: Operation, projects: ReadonlySet<string>): boolean {
  return Object.values(resources ?? {}).flat().some((url) =>
    projects.has(new URLSearchParams(url.split("?")[1] ?? "").get("project") ?? "default")
  );
}

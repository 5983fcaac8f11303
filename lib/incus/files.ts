import { ExpectedError } from "../diag/expected_error.ts";
import { type Connection, orMissing } from "./collection.ts";
import { IncusError } from "./incus_error.ts";
import { apiPath } from "./path.ts";

/** An entry at a path in a machine. A device, a pipe or a socket appears as an empty `file`. */
interface FileInfo {
  readonly type: "file" | "directory" | "symlink";
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/**
 * The content by type: the bytes of a file, the names in a directory, the target of a symbolic
 * link.
 */
export type FileContent =
  | FileInfo & { readonly type: "file"; readonly body: ReadableStream<Uint8Array<ArrayBuffer>> }
  | FileInfo & { readonly type: "directory"; readonly names: readonly string[] }
  | FileInfo & { readonly type: "symlink"; readonly target: string };

interface FileOptions {
  readonly signal?: AbortSignal | undefined;
}

/**
 * Characters in a file name that make Incus's answer invalid HTTP, because Incus puts the name into
 * a header.
 */
// deno-lint-ignore no-control-regex -- they are what is looked for
const UNTELLABLE = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f][^/]*$/;

/** A file that Incus cannot deliver because of its name. */
export class UntellableNameError extends Error {
  override readonly name = "UntellableNameError";

  constructor(path: string) {
    super(`Incus does not transfer files with a control character in their name: ${path}`);
  }
}

/** A file or a directory list that does not end, as delivered by a machine. */
export class EndlessFileError extends ExpectedError {
  override readonly name = "EndlessFileError";
}

/**
 * Milliseconds within which some data must arrive: a machine may have a manipulated file system.
 */
const PATIENCE_MS = 120_000;
/**
 * Growth that is accepted: a file that is being written to can become longer after its size was
 * read.
 */
const GROWTH_BYTES = 256 * 1024 * 1024;
/** Maximum size of a directory list or a link's target. Incus delivers them in one piece. */
const LIST_BYTES = 64 * 1024 * 1024;

/** Aborts a request that delivers no more data. */
class Patience {
  readonly #over = new AbortController();
  readonly #why: () => Error;
  readonly signal: AbortSignal;
  #timer: number | undefined;

  constructor(why: () => Error, signal: AbortSignal | undefined) {
    this.#why = why;
    this.signal = signal === undefined
      ? this.#over.signal
      : AbortSignal.any([signal, this.#over.signal]);
    this.restart();
  }

  restart(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#over.abort(this.#why()), PATIENCE_MS);
    // If nobody reads the rest, the timer does not keep the process alive.
    Deno.unrefTimer(this.#timer);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

/**
 * `/1.0/instances/NAME/files`. Works for a container even when it is stopped; for a virtual machine
 * it needs the agent.
 */
export class Files {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Does not follow a symbolic link. The `body` of a file must be read to its end or cancelled. */
  async read(
    project: string,
    machine: string,
    path: string,
    options: FileOptions = {},
  ): Promise<FileContent> {
    const head = await this.#head(project, machine, path, options);
    if (head.type === "file") {
      // Incus opens the requested file. With a pipe, it would wait until somebody writes into it.
      if (head.size === 0) return { ...head, type: "file", body: new Blob().stream() };
      if (UNTELLABLE.test(path)) throw new UntellableNameError(path);
    }
    const patience = patienceWith(machine, path, options.signal);
    const response = await this.#connection.transport.stream("GET", filesPath(machine), {
      query: { project, path },
      signal: patience.signal,
    });
    const info = infoOf(response.headers);
    const most = info.type === "file" ? head.size + GROWTH_BYTES : LIST_BYTES;
    const body = bounded(
      response.body ?? new Blob().stream(),
      patience,
      most,
      `${machine}:${path}`,
    );
    switch (info.type) {
      case "directory": {
        const { metadata } = await new Response(body).json() as { metadata: string[] | null };
        return { ...info, type: "directory", names: metadata ?? [] };
      }
      case "symlink":
        return { ...info, type: "symlink", target: await new Response(body).text() };
      case "file":
        return { ...info, type: "file", body };
    }
  }

  /** Returns the entry at a path without opening it; undefined if there is none. */
  info(
    project: string,
    machine: string,
    path: string,
    options: FileOptions = {},
  ): Promise<FileInfo | undefined> {
    return orMissing(this.#head(project, machine, path, options));
  }

  async #head(
    project: string,
    machine: string,
    path: string,
    { signal }: FileOptions,
  ): Promise<FileInfo & { readonly size: number }> {
    const { transport } = this.#connection;
    const patience = patienceWith(machine, path, signal);
    const options = { query: { project, path }, signal: patience.signal };
    try {
      const { headers } = await transport.stream("HEAD", filesPath(machine), options);
      return { ...infoOf(headers), size: Number(headers.get("Content-Length") ?? "0") };
    } catch (error) {
      if (!(error instanceof IncusError) || error.status === 404) throw error;
      // Incus gives the reason in the response body, and only GET has one.
      const response = await transport.stream("GET", filesPath(machine), options);
      await response.body?.cancel();
      throw error;
    } finally {
      patience.stop();
    }
  }

  /**
   * Creates or overwrites a file, or creates a directory (an existing one is left unchanged) or a
   * symbolic link.
   */
  async write(
    project: string,
    machine: string,
    path: string,
    content:
      | FileInfo & { readonly type: "file"; readonly body: ReadableStream<Uint8Array<ArrayBuffer>> }
      | FileInfo & { readonly type: "directory" }
      | FileInfo & { readonly type: "symlink"; readonly target: string },
    { signal }: FileOptions = {},
  ): Promise<void> {
    const body = content.type === "file"
      ? content.body
      : content.type === "symlink"
      ? content.target
      : undefined;
    const response = await this.#connection.transport.stream("POST", filesPath(machine), {
      query: { project, path },
      headers: {
        "X-Incus-type": content.type,
        "X-Incus-uid": String(content.uid),
        "X-Incus-gid": String(content.gid),
        "X-Incus-mode": content.mode.toString(8).padStart(4, "0"),
        "X-Incus-write": "overwrite",
      },
      body,
      signal,
    });
    await response.body?.cancel();
  }
}

function patienceWith(machine: string, path: string, signal: AbortSignal | undefined): Patience {
  const seconds = PATIENCE_MS / 1000;
  return new Patience(
    () => new EndlessFileError(`No more data came from ${machine}:${path} within ${seconds} s`),
    signal,
  );
}

/** Passes the bytes on until they stop arriving or are too many. */
export function bounded(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  patience: Pick<Patience, "restart" | "stop">,
  most: number,
  place: string,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let left = most;
  return body.pipeThrough(
    new TransformStream({
      transform: (chunk, controller) => {
        patience.restart();
        left -= chunk.length;
        if (left >= 0) return controller.enqueue(chunk);
        patience.stop();
        controller.error(
          new EndlessFileError(`${place} does not end: more data came than its size`),
        );
      },
      flush: () => patience.stop(),
    }),
  );
}

function filesPath(machine: string): string {
  return apiPath`/1.0/instances/${machine}/files`;
}

function infoOf(headers: Headers): FileInfo {
  const type = headers.get("X-Incus-Type");
  const number = (name: string, radix: number) => parseInt(headers.get(name) ?? "0", radix) || 0;
  return {
    type: type === "directory" || type === "symlink" ? type : "file",
    mode: number("X-Incus-Mode", 8),
    uid: number("X-Incus-Uid", 10),
    gid: number("X-Incus-Gid", 10),
  };
}

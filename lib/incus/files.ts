import { ExpectedError } from "../diag/expected_error.ts";
import { type Connection, orMissing } from "./collection.ts";
import { IncusError } from "./incus_error.ts";
import { apiPath } from "./path.ts";

/** What stands at a path in a machine. A device, a pipe or a socket is told as a `file`, empty. */
export interface FileInfo {
  readonly type: "file" | "directory" | "symlink";
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** Content by type: a file's bytes, a directory's names, a symbolic link's target. */
export type FileContent =
  | FileInfo & { readonly type: "file"; readonly body: ReadableStream<Uint8Array<ArrayBuffer>> }
  | FileInfo & { readonly type: "directory"; readonly names: readonly string[] }
  | FileInfo & { readonly type: "symlink"; readonly target: string };

interface FileOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Characters of a file's name that make Incus's answer no HTTP: it puts the name into a header. */
// deno-lint-ignore no-control-regex -- they are what is looked for
const UNTELLABLE = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f][^/]*$/;

/** A file that Incus cannot hand over because of its name. */
export class UntellableNameError extends Error {
  override readonly name = "UntellableNameError";

  constructor(path: string) {
    super(`Incus hands over no file with a control character in its name: ${path}`);
  }
}

/** A machine that does not come to the end of a file, or of a directory's list. */
export class EndlessFileError extends ExpectedError {
  override readonly name = "EndlessFileError";
}

/** Seconds in which something has to come: a machine may have a file system of its own making. */
const PATIENCE_MS = 120_000;
/** A file that is being written to is longer at its end than it was when its size was asked for. */
const GROWTH_BYTES = 256 * 1024 * 1024;
/** What a directory's list or a link's target has at most: Incus tells them whole. */
const LIST_BYTES = 64 * 1024 * 1024;

/** Ends a request of which nothing more comes. */
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
    // Where nobody reads on, nothing is waited for.
    Deno.unrefTimer(this.#timer);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

/** `/1.0/instances/NAME/files`: of a container also when it is stopped, of a virtual machine through its agent. */
export class Files {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** A symbolic link is not followed. A file's `body` must be read to its end or cancelled. */
  async read(
    project: string,
    machine: string,
    path: string,
    options: FileOptions = {},
  ): Promise<FileContent> {
    const head = await this.#head(project, machine, path, options);
    if (head.type === "file") {
      // Incus opens what it is asked for: a pipe would be waited for until somebody writes into it.
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

  /** What stands there, without opening it; undefined where there is nothing. */
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
      // Why it was refused stands in a body only, which is what GET has.
      const response = await transport.stream("GET", filesPath(machine), options);
      await response.body?.cancel();
      throw error;
    } finally {
      patience.stop();
    }
  }

  /** Makes or overwrites a file, makes a directory (one that exists is left as it is) or a symbolic link. */
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
    () => new EndlessFileError(`Nothing more came of ${machine}:${path} within ${seconds} s`),
    signal,
  );
}

/** The same bytes, as long as they come and are not too many. */
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
        controller.error(new EndlessFileError(`${place} does not end: more came than it had`));
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

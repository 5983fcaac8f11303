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
    const response = await this.#connection.transport.stream("GET", filesPath(machine), {
      query: { project, path },
      signal: options.signal,
    });
    const info = infoOf(response.headers);
    switch (info.type) {
      case "directory": {
        const { metadata } = await response.json() as { metadata: string[] | null };
        return { ...info, type: "directory", names: metadata ?? [] };
      }
      case "symlink":
        return { ...info, type: "symlink", target: await response.text() };
      case "file":
        return { ...info, type: "file", body: response.body ?? new Blob().stream() };
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
    const options = { query: { project, path }, signal };
    try {
      const { headers } = await transport.stream("HEAD", filesPath(machine), options);
      return { ...infoOf(headers), size: Number(headers.get("Content-Length") ?? "0") };
    } catch (error) {
      if (!(error instanceof IncusError) || error.status === 404) throw error;
      // Why it was refused stands in a body only, which is what GET has.
      const response = await transport.stream("GET", filesPath(machine), options);
      await response.body?.cancel();
      throw error;
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

/** The fate of one request. */
export type Verdict =
  | "pass"
  /** Answered with 500; the daemon does not get it. */
  | "error"
  /** The daemon carries it out; the answer is 500 all the same. */
  | "error-after"
  /** The connection is closed, before or after the daemon has carried it out. */
  | "drop"
  | "drop-after"
  /** No answer. */
  | "hang";

/** A request that changes something, numbered from 1. */
export interface Mutation {
  readonly number: number;
  readonly method: string;
  readonly path: string;
}

/**
 * A proxy between anklume and the daemon's unix socket. Bytes pass unchanged (WebSockets too), and
 * each request that changes something waits for a verdict. anklume opens a connection for each
 * request, so its head is its first bytes.
 */
export class FaultProxy implements AsyncDisposable {
  readonly #listener: Deno.UnixListener;
  readonly #target: string;
  readonly #open = new Set<Deno.Conn>();
  decide: (mutation: Mutation) => Verdict | Promise<Verdict> = () => "pass";
  mutations = 0;

  constructor(path: string, target: string) {
    this.#target = target;
    this.#listener = Deno.listen({ transport: "unix", path });
    this.#serve();
  }

  async #serve(): Promise<void> {
    for await (const connection of this.#listener) {
      this.#open.add(connection);
      this.#handle(connection).catch(() => {}).finally(() => this.#close(connection));
    }
  }

  async #handle(client: Deno.Conn): Promise<void> {
    const head = await readHead(client);
    if (head === undefined) return;
    const [method = "", path = ""] = new TextDecoder().decode(head).split(" ", 2);
    const verdict = method === "GET"
      ? "pass"
      : await this.decide({ number: ++this.mutations, method, path });
    if (verdict === "drop") return;
    if (verdict === "error") return await client.write(REFUSAL).then(() => {});
    if (verdict === "hang") return await untilClosed(client);
    const daemon = await Deno.connect({ transport: "unix", path: this.#target });
    this.#open.add(daemon);
    try {
      await writeAll(daemon, head);
      if (verdict === "pass") return await pipeBoth(client, daemon);
      const up = client.readable.pipeTo(daemon.writable, KEEP).catch(() => {});
      // The first bytes of the answer show that the daemon has carried out the request, or started
      // to.
      await daemon.read(new Uint8Array(65536));
      if (verdict === "error-after") await writeAll(client, REFUSAL);
      this.#close(client);
      await up;
    } finally {
      this.#close(daemon);
    }
  }

  #close(connection: Deno.Conn): void {
    this.#open.delete(connection);
    try {
      connection.close();
    } catch {
      // Closed already.
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const connection of [...this.#open]) this.#close(connection);
    await Promise.resolve();
  }
}

const KEEP = { preventCancel: true, preventClose: true, preventAbort: true } as const;
const BODY = JSON.stringify({
  type: "error",
  status: "",
  status_code: 0,
  operation: "",
  error_code: 500,
  error: "injected fault",
  metadata: null,
});
const REFUSAL = new TextEncoder().encode(
  "HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\n" +
    `Content-Length: ${BODY.length}\r\nConnection: close\r\n\r\n${BODY}`,
);

/**
 * Returns all bytes up to the end of the head, and those read with it; undefined: nothing was sent.
 */
async function readHead(connection: Deno.Conn): Promise<Uint8Array | undefined> {
  let head = new Uint8Array(0);
  const buffer = new Uint8Array(65536);
  while (!new TextDecoder().decode(head).includes("\r\n\r\n")) {
    const count = await connection.read(buffer);
    if (count === null) return undefined;
    const more = new Uint8Array(head.length + count);
    more.set(head);
    more.set(buffer.subarray(0, count), head.length);
    head = more;
  }
  return head;
}

async function writeAll(connection: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) done += await connection.write(bytes.subarray(done));
}

/** Passes bytes both ways; ends when either side does. */
async function pipeBoth(a: Deno.Conn, b: Deno.Conn): Promise<void> {
  await Promise.race([copy(a, b), copy(b, a)]);
}

async function copy(from: Deno.Conn, to: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(65536);
  while (true) {
    const count = await from.read(buffer);
    if (count === null) return;
    await writeAll(to, buffer.subarray(0, count));
  }
}

async function untilClosed(connection: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(65536);
  while (await connection.read(buffer) !== null);
}

/**
 * Runs the binary behind our own socket, and kills it (`kill -9`) at its n-th request that changes
 * something: right before the request reaches Incus, or after Incus has answered it.
 */
import { BINARY } from "./_lab.ts";

export interface KillPlan {
  /** 1: the first request other than GET. */
  readonly at: number;
  readonly when: "before" | "after";
}

export interface Killed {
  /** false: it finished with fewer requests. */
  readonly killed: boolean;
  readonly code: number;
  /**
   * Requests that change something, as `POST /1.0/instances/x/snapshots`; the process was killed at
   * the last one.
   */
  readonly requests: readonly string[];
  readonly said: string;
}

const SOCKET = "/var/lib/incus/unix.socket";

export async function runAndKill(
  cwd: string,
  args: readonly string[],
  plan: KillPlan,
): Promise<Killed> {
  const dir = await Deno.makeTempDir({ prefix: "anklume-killer-" });
  const path = `${dir}/socket`;
  const listener = Deno.listen({ transport: "unix", path });
  const requests: string[] = [];
  const open = new Set<Deno.Conn>();
  let killed = false;
  // `unshare` and `bash` become the binary: the pid stays the same.
  const child = new Deno.Command("unshare", {
    args: [
      "--mount",
      "bash",
      "-c",
      `mount --bind ${path} ${SOCKET} && exec "$@"`,
      "-",
      BINARY,
      ...args,
    ],
    cwd,
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  }).spawn();
  const kill = () => {
    if (!killed) child.kill("SIGKILL");
    killed = true;
  };
  const serving = serve();
  const { code, stdout, stderr } = await child.output();
  listener.close();
  for (const each of open) close(each);
  await serving;
  await Deno.remove(dir, { recursive: true });
  const decoder = new TextDecoder();
  return { killed, code, requests, said: decoder.decode(stdout) + decoder.decode(stderr) };

  async function serve(): Promise<void> {
    const connections: Promise<void>[] = [];
    try {
      for await (const client of listener) connections.push(carry(client));
    } catch {
      // Closed.
    }
    await Promise.all(connections);
  }

  /** Passes on one connection with one request: the binary keeps no connection open. */
  async function carry(client: Deno.Conn): Promise<void> {
    open.add(client);
    const incus = await Deno.connect({ transport: "unix", path: SOCKET });
    open.add(incus);
    try {
      const first = new Uint8Array(65536);
      const length = await client.read(first) ?? 0;
      const line = new TextDecoder().decode(first.subarray(0, length)).split("\r\n")[0] ?? "";
      const [method = "", target = ""] = line.split(" ");
      let deadly = false;
      if (length > 0 && method !== "GET") {
        requests.push(`${method} ${target.split("?")[0]}`);
        deadly = requests.length === plan.at;
      }
      if (killed || (deadly && plan.when === "before")) return kill();
      await write(incus, first.subarray(0, length));
      await Promise.all([
        pump(client, incus),
        pump(incus, client, () => {
          if (deadly) kill();
        }),
      ]);
    } finally {
      close(client);
      close(incus);
    }
  }
}

/** Passes bytes on until one side ends; `first` is called before the first bytes. */
async function pump(from: Deno.Conn, to: Deno.Conn, first: () => void = () => {}): Promise<void> {
  const buffer = new Uint8Array(65536);
  let begun = false;
  try {
    for (let length = await from.read(buffer); length !== null; length = await from.read(buffer)) {
      if (!begun) first();
      begun = true;
      await write(to, buffer.subarray(0, length));
    }
  } catch {
    // The other side closed, as intended.
  }
  close(to);
}

async function write(to: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await to.write(bytes.subarray(at));
}

function close(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch {
    // Closed already.
  }
}

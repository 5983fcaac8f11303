/**
 * A workspace on the private host, and its user's commands. The tests of this folder run inside a
 * testbed (`scripts/testbed run`), run the compiled binary of ANKLUME_BIN, and check the result
 * with `incus`, `nft` and real packets.
 */
import { setTimeout as sleep } from "node:timers/promises";
import assert from "node:assert/strict";
import { LINGER } from "../_linger.ts";

/** The image that `scripts/testbed start --image` imports. */
export const IMAGE = "local:anklume-test";
/** The server on the testbed's outside. */
export const OUTSIDE_ADDRESS = "203.0.113.10";

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export const REPOSITORY = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");
export const BINARY = Deno.env.get("ANKLUME_BIN") ?? `${REPOSITORY}/anklume`;

/** Runs any program to its end. */
export async function run(
  argv: readonly string[],
  options: { cwd?: string; env?: Record<string, string>; stdin?: string } = {},
): Promise<Outcome> {
  const [command, ...args] = argv;
  const child = new Deno.Command(command!, {
    args,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: { NO_COLOR: "1", ...options.env },
    stdin: options.stdin === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  if (options.stdin !== undefined) {
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(options.stdin));
    await writer.close();
  }
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** Runs a program that must succeed, and returns its output. */
export async function must(argv: readonly string[], stdin?: string): Promise<string> {
  const outcome = await run(argv, stdin === undefined ? {} : { stdin });
  assert.equal(outcome.code, 0, `${argv.join(" ")}\n${outcome.stdout}${outcome.stderr}`);
  return outcome.stdout;
}

/** Sends `GET path` to the Incus socket with Incus's own client. */
export async function query<T>(path: string): Promise<T> {
  return JSON.parse(await must(["incus", "query", path])) as T;
}

export interface LiveInstance {
  readonly name: string;
  readonly project: string;
  readonly status: string;
  readonly config: Record<string, string>;
  readonly devices: Record<string, Record<string, string>>;
}

/** Returns all instances of the daemon, of all projects. */
export function liveInstances(): Promise<LiveInstance[]> {
  return query("/1.0/instances?recursion=1&all-projects=true");
}

/** One workspace; disposing of it destroys its infra and checks that nothing is left. */
export class Lab implements AsyncDisposable {
  readonly binary = BINARY;

  private constructor(readonly dir: string) {}

  static async create(infra?: string): Promise<Lab> {
    const lab = new Lab(await Deno.makeTempDir({ prefix: "anklume-e2e-" }));
    if (infra !== undefined) await lab.write("infra.yml", infra);
    return lab;
  }

  /**
   * Directory of a test's own programs, beside the workspace, whose programs are never run. Deleted
   * with the lab.
   */
  get programs(): string {
    return `${this.dir}-programs`;
  }

  write(path: string, text: string): Promise<void> {
    return Deno.writeTextFile(`${this.dir}/${path}`, text);
  }

  read(path: string): Promise<string> {
    return Deno.readTextFile(`${this.dir}/${path}`);
  }

  /** Returns the IPv4 address of a machine, from the lock. */
  async address(machine: string): Promise<string> {
    const lock = await this.read("infra.lock.yml");
    const found = new RegExp(`\\b${machine}: \\{ domain: \\S+, ip: ([0-9.]+)`).exec(lock)?.[1];
    return found ?? assert.fail(`no address of ${machine} in\n${lock}`);
  }

  /** Runs `anklume ARGS` in the workspace, whatever its outcome. */
  try(args: readonly string[], env: Record<string, string> = {}): Promise<Outcome> {
    return run([BINARY, ...args], { cwd: this.dir, env });
  }

  /** Runs `anklume ARGS`, expects the exit status and never a stack trace. */
  async anklume(args: readonly string[], expected = 0, env: Record<string, string> = {}): Promise<
    Outcome
  > {
    const outcome = await this.try(args, env);
    const shown = `anklume ${args.join(" ")}\n${outcome.stdout}${outcome.stderr}`;
    assert.equal(outcome.code, expected, shown);
    assert.doesNotMatch(outcome.stdout + outcome.stderr, /^\s+at .*(:\d+:\d+|<anonymous>)/m, shown);
    return outcome;
  }

  /** Starts `anklume ARGS`, and returns after this output: then it is at work. */
  async startUntil(
    args: readonly string[],
    words: RegExp,
  ): Promise<{ child: Deno.ChildProcess; end(): Promise<{ code: number; said: string }> }> {
    const child = this.spawn(args);
    const { promise, resolve } = Promise.withResolvers<void>();
    let said = "";
    const listen = async (stream: ReadableStream<Uint8Array>) => {
      for await (const text of stream.pipeThrough(new TextDecoderStream())) {
        said += text;
        if (words.test(said)) resolve();
      }
    };
    const listening = Promise.all([listen(child.stdout), listen(child.stderr)]);
    await Promise.race([promise, listening]);
    assert.match(said, words);
    const end = async () => {
      await listening;
      return { code: (await child.status).code, said };
    };
    return { child, end };
  }

  /** Starts `anklume ARGS` and leaves it running, for interruptions; with `group` in a process group of its own. */
  spawn(
    args: readonly string[],
    stdin: "null" | "piped" = "null",
    group = false,
  ): Deno.ChildProcess {
    const [stdout, stderr] = ["piped", "piped"] as const;
    const [program, ...rest] = [...(group ? ["setsid"] : []), BINARY, ...args] as [string];
    return new Deno.Command(program, { args: rest, cwd: this.dir, stdin, stdout, stderr }).spawn();
  }

  /** Asserts that right after an apply the plan is empty, with only these diagnostics. */
  async expectEmptyPlan(...codes: readonly string[]): Promise<void> {
    const { stdout } = await this.anklume(["check", "--json"]);
    const plan = JSON.parse(stdout) as { changes: unknown[]; diagnostics: { code: string }[] };
    assert.deepEqual(plan.changes, []);
    assert.deepEqual(plan.diagnostics.map(({ code }) => code), codes, stdout);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const destroyed = await this.try(["destroy", "--force", "--yes"]);
    await Deno.remove(this.dir, { recursive: true });
    await must(["rm", "-rf", this.programs]);
    assert.equal(destroyed.code, 0, `destroy\n${destroyed.stdout}${destroyed.stderr}`);
  }
}

/** Kills the daemon, as a crash would; its machines go on. */
export async function killDaemon(): Promise<void> {
  await must(["bash", "-c", 'kill -KILL "$(</run/testbed/incusd.pid)"']);
}

export async function startDaemon(): Promise<void> {
  await must([`${REPOSITORY}/scripts/hosts/testbed_daemon.sh`, "start"]);
}

/** Runs a program in a machine; the domain is its Incus project. */
export function inMachine(domain: string, machine: string, ...argv: string[]): Promise<Outcome> {
  return run(["incus", "exec", "--project", domain, machine, "--", ...LINGER, ...argv]);
}

/** Serves a TCP port of a machine with the peer's address, until the machine stops. */
export async function serve(domain: string, machine: string, port: number): Promise<void> {
  const unit = `--unit=serve-${port}`;
  const started = await inMachine(
    domain,
    machine,
    ...["systemd-run", "--quiet", unit, "python3", "-c", ECHO_PEER, String(port)],
  );
  assert.equal(started.code, 0, started.stderr);
  for (let attempt = 0; attempt < 50; attempt++) {
    if (await reaches({ domain, machine }, "127.0.0.1", port)) return;
    await sleep(100);
  }
  assert.fail(`nothing listens on ${machine}:${port}`);
}

/** Its argument is a port. */
export const ECHO_PEER = `
import socket, sys
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("0.0.0.0", int(sys.argv[1]))); s.listen(16)
while True:
    c, peer = s.accept(); c.sendall(peer[0].encode()); c.close()
`;

// A machine that has just started sends nothing before it has an address: that proves no isolation.
const CONNECT = `
import socket, sys, time
for _ in range(100):
    if len(open("/proc/net/route").readlines()) > 1: break
    time.sleep(0.1)
try:
    s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 1.0)
    s.settimeout(1.0)
    print(s.recv(64).decode(errors="replace"))
except ConnectionRefusedError: sys.exit(3)
except OSError: sys.exit(4)
`;

export type Source = { readonly domain: string; readonly machine: string } | "host";

/**
 * Tries a TCP connection for one second; returns the server's answer, or undefined. A refused
 * connection counts as reached: the packet arrived where it should not.
 */
export async function connect(
  from: Source,
  address: string,
  port: number,
): Promise<string | undefined> {
  const probe = ["python3", "-c", CONNECT, address, String(port)];
  const outcome = from === "host"
    ? await run(probe)
    : await inMachine(from.domain, from.machine, ...probe);
  if (outcome.code === 0) return outcome.stdout.trim();
  if (outcome.code === 3) return "refused";
  assert.equal(outcome.code, 4, `the probe itself failed: ${outcome.stderr}`);
  return undefined;
}

export async function reaches(from: Source, address: string, port: number): Promise<boolean> {
  return await connect(from, address, port) !== undefined;
}

/**
 * Returns the answer of a server that must be reachable: a lost first packet, or a busy machine,
 * does not count.
 */
export async function answerOf(from: Source, address: string, port: number): Promise<string> {
  for (let attempt = 0; attempt < 5; attempt++) {
    const answer = await connect(from, address, port);
    if (answer !== undefined) return answer;
  }
  return assert.fail(`${address} port ${port} is not reached`);
}

/** Waits until a condition holds; after the time the test fails with `what`. */
export async function eventually(
  what: string,
  condition: () => Promise<boolean>,
  seconds = 15,
): Promise<void> {
  const end = Date.now() + seconds * 1000;
  while (Date.now() < end) {
    if (await condition()) return;
    await sleep(200);
  }
  assert.fail(`${what}: not within ${seconds} s`);
}

import assert from "node:assert/strict";

const REPOSITORY = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");
const TESTBEDS = Deno.env.get("ANKLUME_TESTBED_DIR") ?? "/var/tmp/anklume-testbed";

export interface Outcome {
  /** undefined: killed, or ended with its host. */
  readonly code: number;
  readonly text: string;
}

/** A private host for this run, and a workspace on a disk of 16 MB that survives its power cuts. */
export class FaultHost implements AsyncDisposable {
  readonly name: string = `faults-${Deno.pid}`;
  readonly workspace: string;

  private constructor(workspace: string) {
    this.workspace = workspace;
  }

  static async start(): Promise<FaultHost> {
    const workspace = await Deno.makeTempDir({ prefix: "anklume-faults-" });
    await sh(["mount", "-t", "tmpfs", "-o", "size=16m,mode=755", "tmpfs", workspace]);
    const host = new FaultHost(workspace);
    try {
      await host.testbed("start", "--image", "--until-pid", String(Deno.pid));
    } catch (error) {
      await host[Symbol.asyncDispose]();
      throw error;
    }
    return host;
  }

  /** The directory behind the host's /var/lib/incus. */
  get incusDirectory(): string {
    return `${TESTBEDS}/${this.name}/root/var/lib/incus`;
  }

  async testbed(command: string, ...args: string[]): Promise<void> {
    await sh([`${REPOSITORY}/scripts/testbed`, command, "--name", this.name, ...args]);
  }

  spawn(argv: readonly string[], env: Record<string, string> = {}): Deno.ChildProcess {
    return new Deno.Command(`${REPOSITORY}/scripts/testbed`, {
      args: ["run", "--name", this.name, "--", ...argv],
      cwd: this.workspace,
      env: { NO_COLOR: "1", ...env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  }

  async run(argv: readonly string[]): Promise<Outcome> {
    return await outcomeOf(this.spawn(argv));
  }

  async must(argv: readonly string[]): Promise<string> {
    const { code, text } = await this.run(argv);
    assert.equal(code, 0, `${argv.join(" ")}\n${text}`);
    return text;
  }

  anklume(...args: string[]): Promise<Outcome> {
    return this.run([`${REPOSITORY}/anklume`, ...args]);
  }

  /** Starts anklume with `socket` in place of Incus's own. */
  anklumeThrough(socket: string, args: readonly string[], timeout: number): Deno.ChildProcess {
    const place = "/var/lib/incus/unix.socket";
    const script = `mount --bind ${socket} ${place} && echo $$ >/run/faults.pid && exec "$@"`;
    return this.spawn(
      ["unshare", "--mount", "bash", "-c", script, "-", `${REPOSITORY}/anklume`, ...args],
      { ANKLUME_INCUS_TIMEOUT: String(timeout) },
    );
  }

  /** Sends a signal to the anklume that was started last. */
  async signal(name: "INT" | "TERM" | "KILL"): Promise<void> {
    await this.run(["bash", "-c", `kill -${name} "$(</run/faults.pid)"`]);
  }

  /**
   * Cuts the power. On a busy machine Incus may not be up within the testbed's half minute: then it
   * is started again.
   */
  async powerCut(): Promise<void> {
    try {
      await this.testbed("restart", "--hard");
    } catch {
      await this.testbed("start", "--until-pid", String(Deno.pid));
    }
  }

  async killDaemon(): Promise<void> {
    await this.run(["bash", "-c", `kill -KILL "$(</run/testbed/incusd.pid)"`]);
  }

  /** Returns the end of the daemon's log, and the programs that it left. */
  async logged(): Promise<string> {
    const look = "tail -n 60 /var/log/incus/incusd.log; ps -eo pid,ppid,args | grep '[d]nsmasq'";
    return (await this.run(["bash", "-c", look])).text;
  }

  /** Takes all space of the pool, without writing data. */
  async fillPool(): Promise<void> {
    await this.must(["bash", "-c", FILL_POOL]);
  }

  async emptyPool(): Promise<void> {
    await this.must(["bash", "-c", `rm -f ${POOL}/fill*`]);
  }

  /** Leaves `left` bytes on the workspace's disk. */
  async fillWorkspace(left: number): Promise<void> {
    await this.must(["bash", "-c", FILL_WORKSPACE, "-", this.workspace, String(left)]);
  }

  async emptyWorkspace(): Promise<void> {
    await Deno.remove(`${this.workspace}/fill`).catch(() => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.testbed("stop");
    await sh(["umount", this.workspace]);
    await Deno.remove(this.workspace);
  }
}

const POOL = "/var/lib/incus/storage-pools/default";
const FILL_POOL = `
for size in 20G 4G 1G 256M 64M 16M 4M 1M 256K 64K 16K 4K; do
  for n in 1 2 3 4; do
    fallocate -l $size ${POOL}/fill-$size-$n 2>/dev/null || { rm -f ${POOL}/fill-$size-$n; break; }
  done
done
`;
const FILL_WORKSPACE = `
free=$(df --output=avail -B1 "$1" | tail -1)
size=$((free - $2)); if ((size > 0)); then fallocate -l $size "$1/fill"; fi
`;

async function outcomeOf(child: Deno.ChildProcess): Promise<Outcome> {
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return { code, text: decoder.decode(stdout) + decoder.decode(stderr) };
}

/** Returns the outcome of a child; after `seconds` it is killed, and the test fails. */
export async function endWithin(
  child: Deno.ChildProcess,
  seconds: number,
): Promise<Outcome & { readonly hung: boolean }> {
  let hung = false;
  const timer = setTimeout(() => {
    hung = true;
    child.kill("SIGKILL");
  }, seconds * 1000);
  const outcome = await outcomeOf(child);
  clearTimeout(timer);
  return { ...outcome, hung };
}

async function sh([command, ...args]: readonly string[]): Promise<void> {
  const { code, stdout, stderr } = await new Deno.Command(command!, { args }).output();
  const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assert.equal(code, 0, `${command} ${args.join(" ")}\n${said}`);
}

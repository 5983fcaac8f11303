/**
 * An emulated machine (scripts/machine) and a workspace on it. The tests of this folder run outside
 * of it. `ANKLUME_MACHINE` names a running one, so that a single test can be repeated without a
 * boot: `scripts/machine start --name x --anklume --image`, then
 * `ANKLUME_MACHINE=x deno test -A tests/machine/02_boot_test.ts --filter flush`. Without it each
 * run boots its own.
 */
import assert from "node:assert/strict";
import { must, type Outcome, REPOSITORY, run } from "../e2e/_lab.ts";

const NAME = Deno.env.get("ANKLUME_MACHINE") ?? `suite-${Deno.pid}`;
const SCRIPT = `${REPOSITORY}/scripts/machine`;

/** Runs `scripts/machine COMMAND`, which must succeed. */
export function machine(command: string, ...args: string[]): Promise<string> {
  return must([SCRIPT, command, "--name", NAME, ...args]);
}

/**
 * Boots the machine, unless it runs; it ends with this process. Each test calls this, so that it
 * can be run alone.
 */
export async function start({ vms = false }: { readonly vms?: boolean } = {}): Promise<void> {
  const running = (await run([SCRIPT, "status", "--name", NAME])).code === 0;
  if (running) return;
  const own = Deno.env.get("ANKLUME_MACHINE") === undefined;
  await machine(
    "start",
    ...["--anklume", "--image", ...(vms ? ["--vms"] : [])],
    ...(own ? ["--until-pid", String(Deno.pid)] : []),
  );
}

/** Cuts its power and boots it again; its disk keeps all data. */
export async function powerCut(): Promise<void> {
  await machine("kill");
  await machine("start");
}

/** Runs a script on the machine, whatever its outcome. */
export function attempt(script: string, stdin?: string): Promise<Outcome> {
  return run(
    [SCRIPT, "run", "--name", NAME, "--", "bash", "-ec", script],
    stdin === undefined ? {} : { stdin },
  );
}

/** Runs a script that must succeed, and returns its output. */
export async function onMachine(script: string, stdin?: string): Promise<string> {
  const outcome = await attempt(script, stdin);
  assert.equal(outcome.code, 0, `${script}\n${outcome.stdout}${outcome.stderr}`);
  return outcome.stdout;
}

/** A workspace on the machine, in a directory that survives a power cut. */
export class Workspace {
  private constructor(readonly dir: string) {}

  /** Writes the infra and applies it; changes nothing if it is applied already. */
  static async standing(name: string, infra: string): Promise<Workspace> {
    await start();
    const workspace = new Workspace(`/root/${name}`);
    await workspace.lay(infra);
    await workspace.anklume("apply --infra --yes");
    return workspace;
  }

  /** The same on a host that has what nft and the uplinks need. */
  static async onHost(name: string, infra: string): Promise<Workspace> {
    await start();
    await onMachine("dpkg -i /srv/packages/netbase_*.deb; sysctl -qw net.ipv4.ip_forward=1");
    return await Workspace.standing(name, infra);
  }

  /** Only writes the infra. */
  static async laid(name: string, infra: string): Promise<Workspace> {
    await start();
    const workspace = new Workspace(`/root/${name}`);
    await workspace.lay(infra);
    return workspace;
  }

  async lay(infra: string): Promise<void> {
    await onMachine(`mkdir -p ${this.dir}; cat >${this.dir}/infra.yml`, infra);
  }

  /** Runs `anklume ARGS` there, whatever its outcome. */
  try(args: string): Promise<Outcome> {
    // Nothing is proved by how long an emulated processor takes, on a machine that has other work too.
    return attempt(`cd ${this.dir}; ANKLUME_INCUS_TIMEOUT=600 anklume ${args}`);
  }

  /**
   * Runs `anklume ARGS` there, expects the exit status and never a stack trace; returns its output.
   */
  async anklume(args: string, expected = 0): Promise<string> {
    const { code, stdout, stderr } = await this.try(args);
    const shown = `anklume ${args}\n${stdout}${stderr}`;
    assert.equal(code, expected, shown);
    assert.doesNotMatch(stdout + stderr, /^\s+at .*(:\d+:\d+|<anonymous>)/m, shown);
    return stdout + stderr;
  }

  /** Returns the IPv4 address of a machine, from the lock. */
  async address(of: string): Promise<string> {
    const lock = await onMachine(`cat ${this.dir}/infra.lock.yml`);
    const found = new RegExp(`\\b${of}: \\{ domain: \\S+, ip: ([0-9.]+)`).exec(lock)?.[1];
    return found ?? assert.fail(`no address of ${of} in\n${lock}`);
  }

  /** Destroys everything, and checks that nothing of anklume is left on the host. */
  async destroy(): Promise<void> {
    await this.anklume("destroy --force --yes");
    await onMachine(`rm -rf ${this.dir}`);
    const left = await onMachine(
      "nft list tables | grep anklume || :; ls -A /etc/anklume; ls /etc/systemd/system | grep anklume || :; " +
        "ls /sys/class/net | grep '^net-' || :",
    );
    assert.equal(left, "");
  }
}

/**
 * An emulated machine (scripts/machine) and a workspace on it. The tests of this folder run outside of it. `ANKLUME_MACHINE` names one
 * that runs already, so that a single test can be tried again without a boot: `scripts/machine start --name x --anklume --image`,
 * then `ANKLUME_MACHINE=x deno test -A tests/machine/02_boot_test.ts --filter flush`. Without it each run boots one of its own.
 */
import assert from "node:assert/strict";
import { must, type Outcome, REPOSITORY, run } from "../e2e/_lab.ts";

const NAME = Deno.env.get("ANKLUME_MACHINE") ?? `suite-${Deno.pid}`;
const SCRIPT = `${REPOSITORY}/scripts/machine`;

/** `scripts/machine COMMAND`, which has to succeed. */
export function machine(command: string, ...args: string[]): Promise<string> {
  return must([SCRIPT, command, "--name", NAME, ...args]);
}

/** Boots the machine, unless it runs; it ends with this process. Whether a test can be run alone hangs on this. */
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

/** Boots it again after its power was cut; all that it had is on its disk. */
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

/** Runs a script that has to succeed, and answers what it printed. */
export async function onMachine(script: string, stdin?: string): Promise<string> {
  const outcome = await attempt(script, stdin);
  assert.equal(outcome.code, 0, `${script}\n${outcome.stdout}${outcome.stderr}`);
  return outcome.stdout;
}

/** A workspace on the machine, at a place of its own that survives a power cut. */
export class Workspace {
  private constructor(readonly dir: string) {}

  /** Lays the infra down and applies it; nothing to do where it stands already. */
  static async standing(name: string, infra: string): Promise<Workspace> {
    await start();
    const workspace = new Workspace(`/root/${name}`);
    await workspace.lay(infra);
    await workspace.anklume("apply --infra --yes");
    return workspace;
  }

  /** Lays the infra down alone. */
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
    return attempt(`cd ${this.dir}; anklume ${args}`);
  }

  /** Runs `anklume ARGS` there, expects the exit status and never a stack trace; what it said. */
  async anklume(args: string, expected = 0): Promise<string> {
    const { code, stdout, stderr } = await this.try(args);
    const shown = `anklume ${args}\n${stdout}${stderr}`;
    assert.equal(code, expected, shown);
    assert.doesNotMatch(stdout + stderr, /^\s+at .*(:\d+:\d+|<anonymous>)/m, shown);
    return stdout + stderr;
  }

  /** IPv4 address of a machine, from the lock. */
  async address(of: string): Promise<string> {
    const lock = await onMachine(`cat ${this.dir}/infra.lock.yml`);
    const found = new RegExp(`\\b${of}: \\{ domain: \\S+, ip: ([0-9.]+)`).exec(lock)?.[1];
    return found ?? assert.fail(`no address of ${of} in\n${lock}`);
  }

  /** Takes all away, and looks that nothing of anklume's is left on the host. */
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

import { setTimeout as sleep } from "node:timers/promises";
import assert from "node:assert/strict";
import {
  connect,
  IMAGE,
  inMachine,
  Lab,
  liveInstances,
  must,
  OUTSIDE_ADDRESS,
  query,
  run,
} from "./_lab.ts";

const HEAD = `project_name: daily\nglobal: { default_os_image: "${IMAGE}" }\n`;
const LAB = `${HEAD}domains:\n  lab:\n    ephemeral: true\n    machines:\n      lab-one: {}\n`;

interface Change {
  readonly resource: string;
  readonly action: string;
}

interface Checked {
  readonly changes: readonly Change[];
  readonly orphans: readonly { readonly resource: string }[];
  readonly diagnostics: readonly { readonly code: string }[];
}

async function check(lab: Lab): Promise<Checked> {
  return JSON.parse((await lab.anklume(["check", "--json"])).stdout) as Checked;
}

/** Runs a shell line on the host, in the workspace; `$BIN` is the binary. */
function shell(lab: Lab, line: string) {
  const repository = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");
  const BIN = Deno.env.get("ANKLUME_BIN") ?? `${repository}/anklume`;
  return run(["bash", "-c", line], { cwd: lab.dir, env: { BIN } });
}

// With a size, btrfs counts the disk's usage.
Deno.test("a domain that leaves infra.yml is an orphan, which --prune removes for good", async () => {
  await using lab = await Lab.create(
    `${LAB}  old:\n    ephemeral: true\n    machines: { old-one: { devices: { root: { type: disk, path: /, pool: default, size: 2GiB } } } }\n`,
  );
  await lab.anklume(["apply", "--infra"]);
  const [stays, leaves] = [await lab.address("lab-one"), await lab.address("old-one")];
  await lab.write("infra.yml", LAB);

  const { orphans } = await check(lab);
  assert.deepEqual(orphans.map(({ resource }) => resource).sort(), [
    "instance old/old-one",
    "network net-old",
    "project old",
  ]);
  const { stdout } = await lab.anklume(["check"]);
  assert.match(stdout, /^ {2}\? instance old\/old-one {2}\d minutes? old, \d+\.\d [KM]iB$/m);
  assert.match(stdout, /^ {2}\? network net-old {2}\d minutes? old$/m);
  await lab.anklume(["apply", "--infra"]);
  const rules = await must(["nft", "list", "table", "inet", "anklume_daily"]);
  assert.match(rules, /net-old/, "it stays walled off");
  assert.deepEqual(
    await Promise.all([
      connect({ domain: "lab", machine: "lab-one" }, leaves, 22),
      connect({ domain: "old", machine: "old-one" }, stays, 22),
      connect({ domain: "old", machine: "old-one" }, OUTSIDE_ADDRESS, 80),
    ]),
    [undefined, undefined, undefined],
  );

  // Deleting asks for consent, and there is no terminal to give it.
  const refused = await lab.anklume(["apply", "--infra", "--prune"], 1);
  assert.match(refused.stderr, /--yes/);
  assert.equal((await liveInstances()).length, 2);

  await lab.anklume(["apply", "--infra", "--prune", "--yes"]);
  assert.deepEqual((await liveInstances()).map(({ name }) => name), ["lab-one"]);
  assert.doesNotMatch(await must(["nft", "list", "table", "inet", "anklume_daily"]), /net-old/);
  assert.deepEqual((await check(lab)).changes, []);
});

Deno.test("a machine that apply would restart waits for consent", async () => {
  await using lab = await Lab.create(LAB);
  await lab.anklume(["apply", "--infra"]);
  const boot = (await inMachine("lab", "lab-one", "cat", "/proc/sys/kernel/random/boot_id")).stdout;
  const edited = LAB.replace("lab-one: {}", "lab-one: { ip: 10.120.0.50 }");
  await lab.write("infra.yml", edited);
  const { stdout, stderr } = await lab.anklume(["apply", "--infra"], 1);
  assert.match(stdout, /restarts it/);
  assert.match(stderr, /your consent/);
  const now = (await inMachine("lab", "lab-one", "cat", "/proc/sys/kernel/random/boot_id")).stdout;
  assert.equal(now, boot);
});

const MANY = `${HEAD}domains:\n  big:\n    ephemeral: true\n    copies: 4\n` +
  "    machines: { a: {}, b: {} }\n";

Deno.test("Ctrl-C starts nothing new, reports, exits 130, and the next apply carries on", async () => {
  await using lab = await Lab.create(MANY);
  const running = await lab.startUntil(["apply", "--infra"], /created network/);
  running.child.kill("SIGINT");
  const { code, said } = await running.end();
  assert.equal(code, 130, said);
  assert.match(said, /Interrupted: operations that were running have finished/);
  assert.match(said, /interrupted before its turn/);
  const before = (await liveInstances()).length;
  assert.ok(before < 8, `${before} machines stand already: the interrupt came too late to tell`);

  await lab.anklume(["apply", "--infra"]);
  assert.equal((await liveInstances()).filter(({ status }) => status === "Running").length, 8);
  assert.deepEqual((await check(lab)).changes, []);
});

Deno.test("destroy waits for what a killed apply had asked for, and leaves nothing of a bridge that was half made", async () => {
  await using lab = await Lab.create(MANY);
  // A bridge takes half a second: after 200 ms the second one has its interface and its name
  // server.
  for (const ms of [50, 200]) {
    const running = await lab.startUntil(["apply", "--infra"], /created network/);
    await sleep(ms);
    running.child.kill("SIGKILL");
    await running.end();
    await lab.anklume(["destroy", "--yes"]);
    assert.deepEqual(await liveInstances(), []);
    await sleep(1000);
    assert.deepEqual(await liveInstances(), [], "none came up later");
    await expectNoBridge("net-big");
  }
});

async function expectNoBridge(name: string): Promise<void> {
  assert.ok(!(await must(["ip", "-oneline", "link"])).includes(name), "its interface is gone");
  assert.ok(!(await must(["ps", "-e", "-o", "args"])).includes(`interface=${name}`), "its server");
}

Deno.test("a bridge that Incus never made to its end goes with its interface and its name server", async () => {
  await using lab = await Lab.create(LAB.replace("lab-one: {}", "{}"));
  await lab.anklume(["apply", "--infra"]);
  // A kill may leave this state: Incus stops between two steps, and reports `Pending` for ever.
  const half = "(SELECT id FROM networks WHERE name='net-lab')";
  for (
    const sql of [
      `UPDATE networks_nodes SET state=0 WHERE network_id=${half}`,
      "UPDATE networks SET state=0 WHERE name='net-lab'",
    ]
  ) await must(["incus", "admin", "sql", "global", sql]);
  assert.match(await must(["ip", "-oneline", "link"]), /net-lab/);
  await lab.anklume(["destroy", "--yes"]);
  await expectNoBridge("net-lab");
});

Deno.test("a second apply on the same workspace is refused with the pid and age of the first", async () => {
  await using lab = await Lab.create(LAB);
  const first = await lab.startUntil(["apply", "--infra"], /created project/);
  const second = await lab.try(["apply", "--infra"]);
  assert.equal(second.code, 1, second.stdout);
  assert.match(
    second.stderr.replace(/\s+/g, " "),
    new RegExp(`\\(process ${first.child.pid}\\) is working on this workspace for \\d+ s;`),
  );
  assert.equal((await first.end()).code, 0);
});

Deno.test("an apply whose reader goes away finishes all the same", async () => {
  await using lab = await Lab.create(LAB);
  const { code, stderr } = await shell(lab, `set -o pipefail; "$BIN" apply --infra | head -1`);
  assert.equal(code, 0, stderr);
  assert.deepEqual((await check(lab)).changes, []);
});

Deno.test("members of incus-admin look without root, and do not apply", async () => {
  await using lab = await Lab.create(LAB);
  await lab.anklume(["apply", "--infra"]);
  await Deno.chmod(lab.dir, 0o755);
  const gid = (await must(["stat", "-c", "%g", "/var/lib/incus/unix.socket"])).trim();
  // In a directory that any user can enter: the checkout may be below a directory of root's.
  const asNobody = (groups: string, verb: string) =>
    shell(
      lab,
      `unshare --mount sh -ec '
         mount -t tmpfs none /mnt
         mkdir /mnt/workspace
         mount --bind . /mnt/workspace
         install -m 755 "$BIN" /mnt/anklume
         cd /mnt/workspace
         exec setpriv --reuid=65534 --regid=65534 ${groups} /mnt/anklume ${verb}'`,
    );
  const member = await asNobody(`--groups=${gid}`, "check");
  assert.equal(member.code, 0, member.stderr);
  const status = await asNobody(`--groups=${gid}`, "status");
  assert.match(status.stdout, /^Firewall {2}unknown: .*needs root/);
  await shell(lab, "chown -R 65534 .");
  const apply = await asNobody(`--groups=${gid}`, "apply --infra");
  assert.equal(apply.code, 1);
  assert.match(apply.stderr.replace(/\s+/g, " "), /Nothing was changed.*root/);

  const stranger = await asNobody("--clear-groups", "check");
  assert.equal(stranger.code, 1);
  assert.match(stranger.stderr.replace(/\s+/g, " "), /permission denied.*incus-admin/);
  await shell(lab, "chown -R 0 .");
});

Deno.test("a mistake in infra.yml is told though the daemon never answers", async () => {
  await using lab = await Lab.create(LAB.replace("domains:", "domans:"));
  const silent =
    "import socket, time; s = socket.socket(socket.AF_UNIX); s.bind('silent'); s.listen(9);" +
    " time.sleep(30)";
  const look = `mount --bind silent /var/lib/incus/unix.socket && exec timeout 10 "$BIN" check`;
  const { code, stderr } = await shell(
    lab,
    `python3 -c "${silent}" & until [ -S silent ]; do sleep 0.05; done
     unshare --mount bash -c '${look}'; code=$?; kill %1; exit $code`,
  );
  assert.equal(code, 2, stderr);
  assert.match(stderr, /domans/);
  await lab.write("infra.yml", LAB);
});

Deno.test("without nft nothing is touched, and the message names the package", async () => {
  await using lab = await Lab.create(LAB);
  const hidden = `for nft in /usr/sbin/nft /sbin/nft; do mount --bind /dev/null $nft; done`;
  const line = `unshare --mount bash -c '${hidden} 2>/dev/null; "$BIN" apply --infra'`;
  const { code, stderr } = await shell(lab, line);
  assert.equal(code, 1);
  assert.match(stderr, /nftables/);
  // A minimal Debian lacks this file.
  for (const verb of ["check", "apply --infra"]) {
    const nameless = await shell(
      lab,
      `unshare --mount bash -c 'mount --bind /dev/null /etc/protocols; "$BIN" ${verb}'`,
    );
    assert.equal(nameless.code, 1);
    assert.match((nameless.stdout + nameless.stderr).replace(/\s+/g, " "), /apt install netbase/);
  }
  assert.deepEqual(await query("/1.0/projects"), ["/1.0/projects/default"]);
});

Deno.test("without Ansible the infra is built, and the message says how to get it", async () => {
  await using lab = await Lab.create(LAB.replace("{}", "{ roles: [base_system] }"));
  const line = `PATH=/usr/sbin:/usr/bin:/sbin:/bin "$BIN" apply`;
  const { code, stderr } = await shell(lab, line);
  assert.equal(code, 1);
  assert.match(stderr, /ANSIBLE_MISSING/);
  assert.equal((await liveInstances()).length, 1);
  await lab.anklume(["apply", "--infra"]);
});

Deno.test("provisioning leaves everything else of a machine as it was", async () => {
  const described = LAB.replace("lab-one: {}", "lab-one: { description: Kept, roles: [mine] }");
  await using lab = await Lab.create(described);
  await Deno.mkdir(`${lab.dir}/roles/mine/tasks`, { recursive: true });
  await lab.write("roles/mine/tasks/main.yml", "- ansible.builtin.ping:\n");
  await lab.anklume(["apply"]);
  await lab.expectEmptyPlan();
});

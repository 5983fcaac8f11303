import assert from "node:assert/strict";
import { IMAGE, Lab, liveInstances, must, query } from "./_lab.ts";

const INFRA = `
project_name: closed
global: { default_os_image: "${IMAGE}" }
domains:
  left:
    ephemeral: true
    machines: { left-a: {}, left-b: {} }
  right:
    ephemeral: true
    machines: { right-a: {} }
`;

/** Makes a directory, first on the PATH, with a program of the test. */
async function withProgram(
  lab: Lab,
  name: string,
  script: string,
): Promise<Record<string, string>> {
  const dir = lab.programs;
  await Deno.mkdir(`${dir}/real`, { recursive: true });
  const real = `${dir}/real/${name}`;
  await Deno.copyFile((await must(["sh", "-c", `command -v ${name}`])).trim(), real);
  const text = `#!/bin/sh\nREAL=${real}\n${script}\n`;
  await Deno.writeTextFile(`${dir}/${name}`, text, { mode: 0o755 });
  return { PATH: `${dir}:${Deno.env.get("PATH")}` };
}

async function runningMachines(): Promise<string[]> {
  return (await liveInstances()).filter(({ status }) => status === "Running").map(({ name }) =>
    name
  );
}

/** An nft that lists, but loads nothing. */
const REFUSE = `case "$*" in *list*) exec $REAL "$@";; esac
cat >/dev/null
echo "Error: Could not process rule: Cannot allocate memory" >&2
exit 1`;
/** The same, except in the empty namespace where the ruleset is tested, which has no eth0. */
const REFUSE_ON_HOST = `ip link show eth0 >/dev/null 2>&1 || exec $REAL "$@"\n${REFUSE}`;

Deno.test("nothing is made when nft refuses the ruleset, and the next apply carries on", async () => {
  await using lab = await Lab.create(INFRA);
  const failed = await lab.anklume(["apply", "--infra"], 1, await withProgram(lab, "nft", REFUSE));
  assert.match(failed.stdout + failed.stderr, /Cannot allocate memory/);
  assert.deepEqual(await query("/1.0/projects"), ["/1.0/projects/default"]);

  await lab.anklume(["apply", "--infra"]);
  assert.equal((await runningMachines()).length, 3);
  await lab.expectEmptyPlan();
});

Deno.test("no machine runs when the load fails on the host alone, and the next apply carries on", async () => {
  await using lab = await Lab.create(INFRA);
  const broken = await withProgram(lab, "nft", REFUSE_ON_HOST);
  // Incus uses it too. It then makes no bridge, and leaves each one's name server running.
  const nft = (await must(["sh", "-c", "command -v nft"])).trim();
  await must(["mount", "--bind", `${lab.programs}/nft`, nft]);
  const failed = await lab.anklume(["apply", "--infra"], 1, broken)
    .finally(() => must(["umount", nft]));
  assert.match(failed.stdout, /Cannot create firewall.*Cannot allocate memory/s);
  assert.match(failed.stdout, /Cannot create network net-left/);
  assert.deepEqual(await liveInstances(), []);
  assert.match(await must(["pgrep", "--full", "--list-full", "interface=net-left"]), /dnsmasq/);

  await lab.anklume(["apply", "--infra"]);
  assert.equal((await runningMachines()).length, 3);
  await lab.expectEmptyPlan();
});

Deno.test("what a killed run left frozen stays so until the firewall stands", async () => {
  // No plan starts this machine: only the check for left-over frozen machines thaws it.
  await using lab = await Lab.create(INFRA.replace("left-a: {}", "left-a: { state: manual }"));
  await lab.anklume(["apply", "--infra"]);
  await lab.anklume(["snapshot", "create", "set"]);
  // The state after a kill between freeze and thaw.
  const key = "user.anklume.snapshot.set";
  for (const project of ["left", "right"]) {
    const note = (await query<{ config: Record<string, string> }>(`/1.0/projects/${project}`))
      .config[key];
    if (note === undefined) continue;
    const frozen = JSON.stringify({ ...JSON.parse(note), frozen: ["left/left-a"] });
    await must(["incus", "project", "set", project, `${key}=${frozen}`]);
  }
  await must(["incus", "pause", "--project", "left", "left-a"]);
  await must(["nft", "flush", "ruleset"]);
  const refusing = await withProgram(lab, "nft", REFUSE);
  for (const args of [["apply", "--infra", "--yes"], ["apply", "--provision"]]) {
    const failed = await lab.anklume(args, 1, refusing);
    assert.match(failed.stderr, /Cannot allocate memory/);
    assert.deepEqual((await runningMachines()).toSorted(), ["left-b", "right-a"]);
  }

  const broken = await withProgram(lab, "nft", REFUSE_ON_HOST);
  await lab.anklume(["apply", "--infra", "--yes"], 1, broken);
  assert.deepEqual((await runningMachines()).toSorted(), ["left-b", "right-a"]);

  assert.match((await lab.anklume(["apply", "--infra", "--yes"])).stdout, /Thawed left-a/);
  assert.equal((await runningMachines()).length, 3);
});

Deno.test("no machine runs when the table is tampered with between load and read-back", async () => {
  await using lab = await Lab.create(INFRA);
  const tampering = await withProgram(
    lab,
    "nft",
    `case "$*" in *list*) exec $REAL "$@";; esac
input=$(cat)
printf '%s\\n' "$input" | $REAL "$@" || exit $?
# Only the load on the host, not the one in the empty namespace that the ruleset is compared with.
if [ -n "$($REAL list tables | grep anklume_closed)" ] && ip link show eth0 >/dev/null 2>&1; then
  $REAL insert rule inet anklume_closed forward accept
fi`,
  );
  const failed = await lab.anklume(["apply", "--infra"], 1, tampering);
  assert.match(failed.stdout + failed.stderr, /firewall/i);
  assert.deepEqual(await runningMachines(), []);
});

Deno.test("a table that somebody changed is reported, and mended by the next apply", async () => {
  await using lab = await Lab.create(INFRA);
  await lab.anklume(["apply", "--infra"]);
  await must(["nft", "insert", "rule", "inet", "anklume_closed", "forward", "accept"]);
  const { stdout } = await lab.anklume(["check", "--exit-code"], 3);
  assert.match(stdout, /firewall/);
  await lab.anklume(["apply", "--infra"]);
  await lab.expectEmptyPlan();

  await must(["nft", "flush", "ruleset"]);
  const status = await lab.anklume(["status"]);
  assert.match(status.stdout, /^Firewall {2}NOT LOADED: the domains are open/);
  const flushed = await lab.anklume(["check", "--exit-code"], 3);
  assert.match(flushed.stdout, /^BREACH {2}firewall closed: tables\n/, "it comes first");
  assert.match(flushed.stdout, /no rules are loaded: the domains are open/);
  await lab.anklume(["apply", "--infra"]);
  await lab.expectEmptyPlan();
});

Deno.test("destroy leaves no rules behind where somebody deleted one of the tables", async () => {
  await using lab = await Lab.create(INFRA);
  await lab.anklume(["apply", "--infra"]);
  await must(["nft", "delete", "table", "bridge", "anklume_closed"]);
  await lab.anklume(["destroy", "--yes"]);
  assert.doesNotMatch(await must(["nft", "list", "tables"]), /anklume_closed/);
  assert.doesNotMatch(await must(["ls", "/etc/anklume"]), /closed\.nft/);
});

Deno.test("what is asked of nft is over when anklume ends, also where nobody waits for the answer", async () => {
  await using lab = await Lab.create(INFRA);
  const slow = await withProgram(
    lab,
    "unshare",
    `sleep 1; touch ${lab.dir}/ended; exec $REAL "$@"`,
  );
  const { stdout } = await lab.anklume(["status"], 0, slow);
  assert.match(stdout, /not loaded/i);
  assert.ok((await Deno.stat(`${lab.dir}/ended`)).isFile);
});

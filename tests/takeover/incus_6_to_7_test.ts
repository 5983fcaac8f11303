/**
 * Incus 6.0 upgraded to 7.0 under running machines, as apt does it: first the files, then a new
 * daemon. Runs inside a private host with 6.0, which has 7.0's packages
 * (`scripts/testbed start --incus 6`). `scripts/test takeover`.
 */
import { setTimeout as sleep } from "node:timers/promises";
import assert from "node:assert/strict";
import { IMAGE, inMachine, Lab, must, query, REPOSITORY } from "../e2e/_lab.ts";

const INFRA = `project_name: older
global: { default_os_image: "${IMAGE}" }
domains:
  pro:
    ephemeral: true
    internet: true
    machines:
      pro-db:
        storage_volumes: { data: { path: /data, size: 64MiB }, logs: { path: /logs } }
        config: { limits.memory: 256MiB }
        snapshots_schedule: "0 2 * * *"
        devices: { root: { type: disk, path: /, pool: default, size: 2GiB } }
      pro-web: { publish: [{ host: 8088, to: 80, protocol: tcp }] }
  perso: { machines: { perso-box: {} } }
  control: { trust_level: admin, ephemeral: true, machines: { admin-ws: { roles: [admin] } } }
network_policies:
  - { from: perso, to: pro-db, ports: [5432], protocol: tcp }
`;

const PLACES = [
  ["pro", "pro-db", "/root/word"],
  ["pro", "pro-db", "/data/word"],
  ["pro", "pro-db", "/logs/word"],
  ["pro", "pro-web", "/root/word"],
  ["perso", "perso-box", "/root/word"],
] as const;

async function write(word: string): Promise<void> {
  for (const [domain, machine, path] of PLACES) {
    const { code, stderr } = await inMachine(domain, machine, "sh", "-c", `echo ${word} >${path}`);
    assert.equal(code, 0, stderr);
  }
}

/** Returns the present words; retries a machine that is still starting. */
async function words(): Promise<string[]> {
  return [
    ...new Set(
      await Promise.all(PLACES.map(([domain, machine, path]) => reading(domain, machine, path))),
    ),
  ];
}

async function reading(domain: string, machine: string, path: string): Promise<string> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const { code, stdout } = await inMachine(domain, machine, "cat", path);
    if (code === 0 && stdout !== "") return stdout.trim();
    await sleep(100);
  }
  return `${machine}: no ${path}`;
}

/** Returns the start time of each machine's first process: the same number means the same run. */
async function firstProcesses(): Promise<string[]> {
  return await Promise.all(
    [["pro", "pro-db"], ["pro", "pro-web"], ["perso", "perso-box"], ["control", "admin-ws"]].map(
      async ([domain, machine]) =>
        (await inMachine(domain!, machine!, "stat", "-c", "%Z", "/proc/1")).stdout,
    ),
  );
}

const version = async () =>
  (await query<{ environment: { server_version: string } }>("/1.0")).environment.server_version;

Deno.test("an infra made under Incus 6.0 is as declared under 7.0, and all its sets go back", async (t) => {
  assert.match(await version(), /^6\.0\./);
  await using lab = await Lab.create(INFRA);
  await lab.anklume(["apply", "--infra", "--baseline"]);
  await write("baseline");
  await lab.anklume(["snapshot", "delete", "baseline", "--yes"]);
  await lab.anklume(["apply", "--infra", "--baseline"]);
  await write("one");
  await lab.anklume(["snapshot", "create", "one"]);
  await write("now");
  const before = await firstProcesses();

  await t.step("the machines run on while the packages and the daemon change", async () => {
    await must(["bash", "-c", "dpkg --install --force-confnew /opt/incus7/*.deb"]);
    await must([`${REPOSITORY}/scripts/hosts/testbed_daemon.sh`, "restart"]);
    assert.match(await version(), /^7\.0\./);
    assert.deepEqual(await firstProcesses(), before);
    assert.deepEqual(await words(), ["now"]);
  });

  await t.step("check says nothing, nor do status and doctor", async () => {
    await lab.expectEmptyPlan();
    const { stdout } = await lab.anklume(["status"]);
    assert.match(stdout, /loaded, as rendered/);
    assert.doesNotMatch((await lab.anklume(["doctor"])).stdout, /BAD/);
    await lab.anklume(["network", "verify"]);
  });

  await t.step("every set is complete, and goes back with its volumes", async () => {
    const { stdout } = await lab.anklume(["snapshot", "list", "--json"]);
    const { sets } = JSON.parse(stdout) as { sets: { name: string; complete: boolean }[] };
    assert.deepEqual(sets.map(({ name, complete }) => [name, complete]).toSorted(), [
      ["baseline", true],
      ["one", true],
    ]);
    await lab.anklume(["snapshot", "restore", "one", "--yes", "--no-safety"]);
    assert.deepEqual(await words(), ["one"]);
    await lab.anklume(["reset", "--yes"]);
    assert.deepEqual(await words(), ["baseline"]);
    await lab.expectEmptyPlan();
  });

  await t.step("a set taken under 7.0 stands beside them", async () => {
    await write("later");
    await lab.anklume(["snapshot", "create", "two"]);
    await write("lost");
    await lab.anklume(["snapshot", "restore", "two", "--yes", "--no-safety"]);
    assert.deepEqual(await words(), ["later"]);
    await lab.anklume(["apply", "--infra"]);
    await lab.expectEmptyPlan();
  });
});

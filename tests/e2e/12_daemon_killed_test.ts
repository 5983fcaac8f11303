import { setTimeout as sleep } from "node:timers/promises";
import assert from "node:assert/strict";
import {
  eventually,
  IMAGE,
  killDaemon,
  Lab,
  liveInstances,
  must,
  query,
  run,
  startDaemon,
} from "./_lab.ts";
import { expectEmpty, sh, snapshots } from "./_plan.ts";

/*
 * The daemon is killed some milliseconds after a message about a machine's change, and the next
 * apply carries the change on. Runs a few moments by default, all with ANKLUME_TEST_LONG=1.
 */

const LONG = Deno.env.get("ANKLUME_TEST_LONG") === "1";

interface Case {
  readonly title: string;
  readonly before: string;
  readonly after: string;
  readonly machine: string;
  /** Its root disk and snapshots stay. */
  readonly keepsDisk: boolean;
  /** Milliseconds after each of these messages; the first list is for each run. */
  readonly moments: readonly (readonly [RegExp, readonly number[], readonly number[]])[];
}

const infra = (pool: string, machine: string, image = IMAGE) =>
  `project_name: killed\nglobal: { default_os_image: "${image}", storage_pool: ${pool} }\n` +
  `domains:\n  one: { ephemeral: true, machines: { ${machine} } }\n`;
const VOLUME = "storage_volumes: { data: { path: /data } }";
const WEB = `web: { ${VOLUME} }`;

const { target: fingerprint } = await query<{ target: string }>("/1.0/images/aliases/anklume-test");

const CASES: readonly Case[] = [
  {
    title: "another name",
    keepsDisk: true,
    before: infra("default", WEB),
    after: infra("default", `www: { renamed_from: web, ${VOLUME} }`),
    machine: "www",
    moments: [[/moving from/, [60], [0, 20, 40, 80, 100, 120, 150, 180, 220, 260]]],
  },
  ...["copying", "plain"].map((pool) => ({
    title: `another pool (${pool})`,
    keepsDisk: true,
    before: infra("default", WEB),
    after: infra(pool, WEB),
    machine: "web",
    moments: [
      [/moving from/, [], [200, 600]],
      [/web: deleting/, pool === "copying" ? [250] : [], [
        0,
        50,
        100,
        150,
        200,
        300,
        350,
        400,
        500,
      ]],
    ] as const,
  })),
  {
    title: "another image",
    keepsDisk: false,
    before: infra("default", WEB),
    after: infra("default", WEB, `local:${fingerprint}`),
    machine: "web",
    moments: [[/rebuilding/, [20], [0, 10, 40, 60, 80, 100, 150, 200]]],
  },
];

async function expectCarriedOn(
  { before, after, machine, keepsDisk }: Case,
  words: RegExp,
  delay: number,
): Promise<void> {
  await using lab = await Lab.create(before);
  await lab.anklume(["apply", "--infra"]);
  await sh("one", "web", "echo root >/root/mine; echo volume >/data/mine; sync");
  const taken = keepsDisk ? ["first", "second"] : [];
  for (const name of taken) {
    await must(["incus", "snapshot", "create", "--project", "one", "web", name]);
  }
  await lab.write("infra.yml", after);
  const moving = await lab.startUntil(["apply", "--infra", "--yes"], words);
  await sleep(delay);
  await killDaemon();
  await moving.end();
  await startDaemon();
  await lab.anklume(["apply", "--infra", "--yes", "--prune"]);
  await expectEmpty(lab);
  await eventually(
    "what stays is there",
    async () =>
      await sh("one", machine, "cat /data/mine; ls /root") === `volume${keepsDisk ? "\nmine" : ""}`,
  );
  assert.deepEqual(await snapshots("one", machine), taken);
  assert.deepEqual((await liveInstances()).map(({ name }) => name), [machine]);
}

for (const each of CASES) {
  const moments = each.moments.flatMap(([words, always, long]) =>
    [...always, ...LONG ? long : []].map((delay) => [words, delay] as const)
  );
  Deno.test({
    name: `a daemon that dies on the way to ${each.title} loses nothing that stays`,
    ignore: moments.length === 0,
    async fn(t) {
      const pools = [["copying", "btrfs", "size=2GiB"], ["plain", "dir"]];
      for (const pool of pools) await must(["incus", "storage", "create", ...pool]);
      try {
        for (const [words, delay] of moments) {
          await t.step(
            `${delay} ms after ${words}`,
            () => expectCarriedOn(each, words, delay),
          );
        }
      } finally {
        for (const [pool] of pools) await must(["incus", "storage", "delete", pool!]);
      }
    },
  });
}

Deno.test("a port that a killed daemon left goes with its machine, or before its next start", async (t) => {
  await using lab = await Lab.create(infra("default", "web: {}"));
  await lab.anklume(["apply", "--infra"]);
  const port = (await must(
    ["incus", "config", "device", "get", "--project", "one", "web", "eth0", "host_name"],
  )).trim();
  const stands = async () => (await run(["test", "-e", `/sys/class/net/${port}`])).code === 0;
  const leave = async () => {
    await must(["ip", "link", "add", port, "type", "veth", "peer", "name", "left-behind"]);
    await must(["ip", "link", "set", port, "master", "net-one", "up"]);
  };
  const stop = () => lab.anklume(["stop", "web", "--force"]);

  await t.step("before its next start", async () => {
    await stop();
    await leave();
    await lab.anklume(["start", "web"]);
    assert.equal((await run(["test", "-e", "/sys/class/net/left-behind"])).code, 1);
    await expectEmpty(lab);
  });

  await t.step("not where another machine has it while it runs", async () => {
    await stop();
    await must([
      "incus",
      "network",
      "create",
      "elsewhere",
      "ipv4.address=none",
      "ipv6.address=none",
    ]);
    await must(["incus", "init", "anklume-test", "other"]);
    const nic = ["nic", "network=elsewhere", `host_name=${port}`];
    await must(["incus", "config", "device", "add", "other", "eth0", ...nic]);
    await must(["incus", "start", "other"]);
    const index = () => Deno.readTextFile(`/sys/class/net/${port}/ifindex`);
    const others = await index();
    try {
      const { code, stdout, stderr } = await lab.try(["start", "web"]);
      assert.doesNotMatch(stdout + stderr, /removing the leftover port/);
      // Since 7.0.1 Incus itself gives the name to the last one that starts.
      if (code === 0) assert.notEqual(await index(), others);
      else {
        assert.match(stderr.replaceAll(/\s+/g, " "), /veth interfaces .*file exists/i);
        assert.equal(await index(), others);
      }
    } finally {
      await must(["incus", "delete", "--force", "other"]);
      await must(["incus", "network", "delete", "elsewhere"]);
    }
  });

  await t.step("with a machine that is renamed", async () => {
    await leave();
    await lab.write("infra.yml", infra("default", "www: { renamed_from: web, state: stopped }"));
    await lab.anklume(["apply", "--infra", "--yes"]);
    assert.equal(await stands(), false);
    await expectEmpty(lab);
  });

  await t.step("with a machine that is deleted", async () => {
    await leave();
    await lab.write("infra.yml", infra("default", "other: {}"));
    await lab.anklume(["apply", "--infra", "--yes", "--prune"]);
    assert.equal(await stands(), false);
    await expectEmpty(lab);
  });
});

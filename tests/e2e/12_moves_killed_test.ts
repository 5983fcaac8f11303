import assert from "node:assert/strict";
import { eventually, IMAGE, killDaemon, Lab, liveInstances, must, startDaemon } from "./_lab.ts";
import { expectEmpty, sh, snapshots } from "./_plan.ts";

/*
 * The daemon dies so many milliseconds after a move has said something, and the next apply carries it on. A few moments as a
 * rule, with ANKLUME_TEST_LONG=1 every one.
 */

const LONG = Deno.env.get("ANKLUME_TEST_LONG") === "1";

interface Move {
  readonly title: string;
  readonly before: string;
  readonly after: string;
  readonly machine: string;
  /** Milliseconds after each of these words; the first few are for every run. */
  readonly moments: readonly (readonly [RegExp, readonly number[], readonly number[]])[];
}

const infra = (pool: string, machine: string) =>
  `project_name: moves\nglobal: { default_os_image: "${IMAGE}", storage_pool: ${pool} }\n` +
  `domains:\n  one: { ephemeral: true, machines: { ${machine} } }\n`;
const VOLUME = "storage_volumes: { data: { path: /data } }";
const WEB = `web: { ${VOLUME} }`;

const MOVES: readonly Move[] = [
  {
    title: "another name",
    before: infra("default", WEB),
    after: infra("default", `www: { renamed_from: web, ${VOLUME} }`),
    machine: "www",
    moments: [[/moving from/, [60], [0, 20, 40, 80, 100, 120, 150, 180, 220, 260]]],
  },
  ...["copying", "plain"].map((pool) => ({
    title: `another pool (${pool})`,
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
];

async function expectCarriedOn(
  { before, after, machine }: Move,
  words: RegExp,
  delay: number,
): Promise<void> {
  await using lab = await Lab.create(before);
  await lab.anklume(["apply", "--infra"]);
  await sh("one", "web", "echo root >/root/mine; echo volume >/data/mine; sync");
  await must(["incus", "snapshot", "create", "--project", "one", "web", "first"]);
  await must(["incus", "snapshot", "create", "--project", "one", "web", "second"]);
  await lab.write("infra.yml", after);
  const moving = await lab.startUntil(["apply", "--infra", "--yes"], words);
  await new Promise((resolve) => setTimeout(resolve, delay));
  await killDaemon();
  await moving.end();
  await startDaemon();
  await lab.anklume(["apply", "--infra", "--yes", "--prune"]);
  await expectEmpty(lab);
  await eventually(
    "both files are there",
    async () => await sh("one", machine, "cat /root/mine /data/mine") === "root\nvolume",
  );
  assert.deepEqual(await snapshots("one", machine), ["first", "second"]);
  assert.deepEqual((await liveInstances()).map(({ name }) => name), [machine]);
}

for (const move of MOVES) {
  const moments = move.moments.flatMap(([words, always, long]) =>
    [...always, ...LONG ? long : []].map((delay) => [words, delay] as const)
  );
  Deno.test({
    name: `a daemon that dies on the way to ${move.title} loses nothing`,
    ignore: moments.length === 0,
    async fn(t) {
      const pools = [["copying", "btrfs", "size=2GiB"], ["plain", "dir"]];
      for (const pool of pools) await must(["incus", "storage", "create", ...pool]);
      try {
        for (const [words, delay] of moments) {
          await t.step(
            `${delay} ms after ${words}`,
            () => expectCarriedOn(move, words, delay),
          );
        }
      } finally {
        for (const [pool] of pools) await must(["incus", "storage", "delete", pool!]);
      }
    },
  });
}

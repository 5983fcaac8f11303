import assert from "node:assert/strict";
import { type KillPlan, runAndKill } from "./_killer.ts";
import { eventually, IMAGE, inMachine, Lab, liveInstances, must } from "./_lab.ts";

// One machine with `state: manual`: only the restore starts it again, not the plan. And a second
// domain with another home: the set is noted on both.
const INFRA = `project_name: kill\nglobal: { default_os_image: "${IMAGE}" }\ndomains:
  kill:
    ephemeral: true
    machines:
      kill-one: { state: manual, storage_volumes: { data: { path: /data } } }
  more:
    ephemeral: true
    machines:
      more-one: { state: stopped }
`;

const MOVED = `project_name: kill\nglobal: { default_os_image: "${IMAGE}" }\ndomains:
  more:
    ephemeral: true
    machines:
      more-one: { state: stopped }
      kill-two: { state: manual, storage_volumes: { data: { path: /data } } }
`;

/**
 * By default kills after Incus has answered each second request; with `ANKLUME_TEST_LONG=1` at each
 * one, and also right before each.
 */
const LONG = Boolean(Deno.env.get("ANKLUME_TEST_LONG"));
const WHEN: readonly KillPlan["when"][] = LONG ? ["before", "after"] : ["after"];
const STRIDE = LONG ? 1 : 2;

interface Listed {
  readonly sets: readonly { readonly name: string; readonly complete: boolean }[];
  readonly restoring: readonly unknown[];
  readonly frozen: readonly string[];
}

async function list(lab: Lab): Promise<Listed> {
  return JSON.parse((await lab.anklume(["snapshot", "list", "--json"])).stdout) as Listed;
}

async function status(): Promise<string> {
  return (await liveInstances()).find(({ name }) => name === "kill-one")?.status ?? "gone";
}

async function put(word: string): Promise<void> {
  const script = `echo ${word} > /data/word; echo ${word} > /root/word`;
  const { code, stderr } = await inMachine("kill", "kill-one", "sh", "-c", script);
  assert.equal(code, 0, stderr);
}

async function words(): Promise<string> {
  return (await inMachine("kill", "kill-one", "cat", "/data/word", "/root/word")).stdout;
}

/** Kills at one request after the other, until a run finishes by itself. */
async function atEachStep(
  lab: Lab,
  args: readonly string[],
  before: () => Promise<unknown>,
  after: (step: string) => Promise<void>,
): Promise<readonly string[]> {
  let requests: readonly string[] = [];
  for (const when of WHEN) {
    await before();
    for (let at = STRIDE;; at += STRIDE) {
      const run = await runAndKill(lab.dir, args, { at, when });
      if (!run.killed) {
        assert.equal(run.code, 0, run.said);
        requests = run.requests;
        break;
      }
      await after(`killed ${when} request ${at}, ${run.requests.at(-1)}`);
    }
  }
  return requests;
}

Deno.test("kill -9 at each step of create and restore: repeated, nothing is lost, nothing stays frozen", async (t) => {
  await using lab = await Lab.create(INFRA);
  await lab.anklume(["apply", "--infra"]);
  await put("before");

  await t.step("create: an unfinished set is marked, and taken whole by the next run", async () => {
    const frozenOnce: string[] = [];
    const args = ["snapshot", "create", "set", "--consistent"];
    const anew = () => lab.try(["snapshot", "delete", "set", "--yes"]);
    const requests = await atEachStep(lab, args, anew, async (step) => {
      if (await status() === "Frozen") frozenOnce.push(step);
      const seen = (await list(lab)).sets.find(({ name }) => name === "set");
      const again = await lab.try(args);
      // A set that was whole exists, so the name is refused; anything less is taken again.
      assert.equal(again.code, seen?.complete ? 2 : 0, `${step}\n${again.stdout}${again.stderr}`);
      const { sets, frozen } = await list(lab);
      assert.deepEqual(sets.map(({ name, complete }) => [name, complete]), [["set", true]], step);
      assert.deepEqual(frozen, [], step);
      await eventually(`${step}: thawed`, async () => await status() === "Running", 5);
      await lab.anklume(["snapshot", "delete", "set", "--yes"]);
    });
    assert.ok(frozenOnce.length > 0, "no kill ever left the machine frozen: this proves nothing");
    assert.ok(requests.length >= 6, `only ${requests.join(", ")}`);
  });

  await t.step("restore: repeated, it ends as if it had never been interrupted", async () => {
    const args = ["snapshot", "restore", "set", "--domain", "kill", "--yes", "--no-safety"];
    let stopped = 0;
    let warned = 0;
    const requests = await atEachStep(lab, args, () => put("after"), async (step) => {
      if (await status() === "Stopped") stopped++;
      const half = (await list(lab)).restoring.length > 0;
      const { stderr } = await lab.try(["check"]);
      assert.equal(/RESTORE_UNFINISHED/.test(stderr), half, `${step}\n${stderr}`);
      if (half) warned++;
      await lab.anklume(args);
      assert.equal(await status(), "Running", step);
      assert.equal(await words(), "before\nbefore\n", step);
      const { sets, restoring } = await list(lab);
      assert.deepEqual(restoring, [], step);
      assert.deepEqual(sets.map(({ complete }) => complete), [true], step);
      await put("after");
    });
    await lab.anklume(["check", "--exit-code"]);
    assert.ok(stopped > 0, "no kill ever left the machine stopped: this proves nothing");
    assert.ok(warned > 0, "no kill ever left a restore unfinished: this proves nothing");
    assert.ok(requests.length >= 5, `only ${requests.join(", ")}`);
    assert.equal(await words(), "before\nbefore\n");
  });

  await t.step("prune: the next one carries on, whatever it is asked to keep", async () => {
    const anew = () => lab.anklume(["snapshot", "create", "set"]);
    await lab.anklume(["snapshot", "delete", "set", "--yes"]);
    let halves = 0;
    const args = ["snapshot", "prune", "--keep", "0", "--yes"];
    await atEachStep(lab, args, anew, async (step) => {
      const [seen] = (await list(lab)).sets;
      if (seen?.complete === false) halves++;
      const { stdout } = await lab.anklume(["snapshot", "prune", "--keep", "9", "--yes"]);
      if (seen?.complete === false) assert.match(stdout, /Delete:\s+set,[^]*interrupted/, step);
      const { sets } = await list(lab);
      assert.deepEqual(sets.map(({ name }) => name), seen?.complete ? ["set"] : [], step);
      if (!seen?.complete) await anew();
    });
    assert.ok(halves > 0, "no kill ever left half a set: this proves nothing");
    assert.deepEqual((await list(lab)).sets, []);
  });

  await t.step(
    "restore of a machine with another name and domain: repeated it finds its volume, and what stands in for its network goes",
    async () => {
      // An apply takes long with a stopped machine that Incus remembers as running.
      await must(["incus", "stop", "--force", "--project", "kill", "kill-one"]);
      await lab.anklume(["snapshot", "create", "still", "--machine", "kill-one"]);
      await lab.write(
        "infra.yml",
        INFRA.replace("kill-one: {", "kill-two: { renamed_from: kill-one,"),
      );
      await lab.anklume(["apply", "--infra", "--yes"]);
      await lab.write("infra.yml", MOVED);
      await lab.anklume(["apply", "--infra", "--yes", "--prune"]);
      await lab.expectEmptyPlan();
      const args = [
        "snapshot",
        "restore",
        "still",
        "--machine",
        "kill-two",
        "--yes",
        "--no-safety",
      ];
      const expectStandIn = async () =>
        assert.match(
          await must(["incus", "network", "list", "--format", "csv"]),
          /^net-kill,macvlan/m,
        );
      const killInBetween = async () => {
        const { killed } = await runAndKill(lab.dir, args, { at: 4, when: "after" });
        assert.ok(killed);
        await expectStandIn();
        const { stdout } = await lab.anklume(["check"]);
        assert.doesNotMatch(stdout, /^ *[+~-] +firewall/m);
      };
      const gone = async (...codes: string[]) => {
        await lab.expectEmptyPlan(...codes);
        assert.doesNotMatch(
          await must(["incus", "network", "list", "--format", "csv"]),
          /net-kill/,
        );
      };
      await killInBetween();
      await lab.anklume(args);
      await gone();
      await killInBetween();
      // A refused apply leaves it in place.
      const lock = await lab.read("infra.lock.yml");
      await Deno.remove(`${lab.dir}/infra.lock.yml`);
      const { stderr } = await lab.anklume(["apply", "--infra", "--yes"], 2);
      assert.match(stderr, /NAME_TAKEN/);
      await expectStandIn();
      await lab.write("infra.lock.yml", lock);
      const { stdout } = await lab.anklume(["apply", "--infra", "--yes"]);
      assert.match(stdout, /Removed the network net-kill/);
      await gone("RESTORE_UNFINISHED");
      await lab.anklume(args);
      await gone();
    },
  );
});

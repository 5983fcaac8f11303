import assert from "node:assert/strict";
import { eventually, IMAGE, inMachine, Lab, liveInstances, must, query } from "./_lab.ts";

const HEAD = `project_name: room\nglobal: { default_os_image: "${IMAGE}" }\n`;
/** A class of two, one pupil's work protected, and a machine with a snapshot each minute. */
const INFRA = `${HEAD}domains:
  tp:
    ephemeral: true
    copies: 2
    machines:
      pc: { storage_volumes: { home: { path: /home/pupil } } }
  desk:
    machines:
      desk-one:
        snapshots_schedule: "* * * * *"
        snapshots_expiry: 2d
        storage_volumes: { data: { path: /data } }
`;

const BASELINE_NOTE = "user.anklume.snapshot.baseline";

interface Listed {
  readonly sets: readonly {
    readonly name: string;
    readonly origin: string;
    readonly at: string;
    readonly expires?: string;
    readonly complete: boolean;
    readonly members: readonly {
      readonly machine: string;
      readonly gone: boolean;
      readonly snapshot?: string;
      readonly volumes: readonly { readonly volume: string; readonly snapshot?: string }[];
    }[];
  }[];
}

async function list(lab: Lab): Promise<Listed["sets"]> {
  const { stdout } = await lab.anklume(["snapshot", "list", "--json"]);
  return (JSON.parse(stdout) as Listed).sets;
}

async function put(domain: string, machine: string, path: string, word: string): Promise<void> {
  const { code, stderr } = await inMachine(domain, machine, "sh", "-c", `echo ${word} > ${path}`);
  assert.equal(code, 0, stderr);
}

async function read(domain: string, machine: string, path: string): Promise<string> {
  return (await inMachine(domain, machine, "cat", path)).stdout.trim();
}

Deno.test("a class goes back to its baseline, and what is protected asks first", async (t) => {
  await using lab = await Lab.create(INFRA);

  await t.step("reset without a baseline says how to get one", async () => {
    await lab.anklume(["apply", "--infra"]);
    const { stderr } = await lab.anklume(["reset"], 2);
    assert.match(stderr, /anklume apply --baseline/);
  });

  await t.step("apply --baseline leaves alone what somebody else called so", async () => {
    const theirs = ["--project", "tp-01", "tp-01-pc", "baseline"];
    await must(["incus", "snapshot", "create", ...theirs]);
    // The user's snapshot of the root disk alone is no baseline.
    const { stderr } = await lab.anklume(["apply", "--infra", "--baseline"], 1);
    assert.match(stderr, /tp-01-pc: its root disk has a snapshot `baseline` already/);
    assert.deepEqual(
      (await list(lab)).filter(({ name }) => name === "baseline").map(({ members }) =>
        members.length
      ),
      [1],
    );
    await must(["incus", "snapshot", "delete", ...theirs]);
  });

  await t.step("apply --baseline takes none of a machine that is half restored", async () => {
    const key = "user.anklume.restoring";
    const note = JSON.stringify({ "tp-01-pc": { set: "before", ran: true } });
    await must(["incus", "project", "set", "tp-01", `${key}=${note}`]);
    const { stderr } = await lab.anklume(["apply", "--infra", "--baseline"], 1);
    assert.match(stderr, /No baseline was taken: a restore of tp-01-pc was interrupted/);
    assert.deepEqual((await list(lab)).filter(({ name }) => name === "baseline"), []);
    await must(["incus", "project", "unset", "tp-01", key]);
  });

  await t.step("apply --baseline takes it once, and later only of what is new", async () => {
    // A set with an expiry, taken by hand, would disappear in the middle of the year.
    await lab.anklume([
      "snapshot",
      "create",
      "baseline",
      "--machine",
      "desk-one",
      "--expiry",
      "7d",
    ]);
    const first = await lab.anklume(["apply", "--baseline"]);
    assert.match(first.stdout, /Taken: baseline, 3 machines and 3 volumes/);
    const [taken] = (await list(lab)).filter(({ name }) => name === "baseline");
    const snapshot = "/1.0/instances/desk-one/snapshots/baseline?project=desk";
    assert.match((await query<{ expires_at: string }>(snapshot)).expires_at, /^0001/);
    assert.deepEqual([taken?.complete, taken?.expires], [true, undefined]);
    const second = await lab.anklume(["apply", "--baseline"]);
    assert.match(second.stdout, /Every machine has its baseline/);
    await put("tp-01", "tp-01-pc", "/root/word", "spoilt");
    await lab.write("infra.yml", INFRA.replace("copies: 2", "copies: 3"));
    const third = await lab.anklume(["apply", "--baseline"]);
    assert.match(third.stdout, /Taken: baseline, 1 machine and 1 volume/);
    const [baseline] = (await list(lab)).filter(({ name }) => name === "baseline");
    assert.equal(baseline?.complete, true);
    assert.equal(baseline?.members.length, 4);
    assert.equal(baseline?.expires, undefined, "2d of the machine is for scheduled ones");
    // A run killed after its last snapshot could not yet mark the set as whole.
    const note = await must(["incus", "project", "get", "desk", BASELINE_NOTE]);
    const taking = note.trim().replace('"whole"', '"taking"');
    await must(["incus", "project", "set", "desk", `${BASELINE_NOTE}=${taking}`]);
    assert.equal((await list(lab)).find(({ name }) => name === "baseline")?.complete, false);
    await lab.anklume(["apply", "--infra", "--baseline"]);
    assert.equal((await list(lab)).find(({ name }) => name === "baseline")?.complete, true);
  });

  await t.step("ephemeral machines go back without a question, with their volumes", async () => {
    await put("tp-02", "tp-02-pc", "/home/pupil/word", "spoilt");
    await put("desk", "desk-one", "/data/word", "work");
    await lab.anklume(["reset", "--domain", "tp"]);
    assert.equal(await read("tp-01", "tp-01-pc", "/root/word"), "");
    assert.equal(await read("tp-02", "tp-02-pc", "/home/pupil/word"), "");
    assert.equal(await read("desk", "desk-one", "/data/word"), "work");
    assert.deepEqual((await list(lab)).filter(({ origin }) => origin === "safety"), []);
    await lab.anklume(["check", "--exit-code"]);
  });

  await t.step("a protected machine asks, and what it was is kept", async () => {
    const refused = await lab.anklume(["reset"], 1);
    assert.match(refused.stderr, /Nothing was restored.*--yes/s);
    await lab.anklume(["reset", "--domain", "desk", "--yes"]);
    assert.equal(await read("desk", "desk-one", "/data/word"), "");
    const [safety] = (await list(lab)).filter(({ origin }) => origin === "safety");
    assert.deepEqual(safety?.members.map(({ machine }) => machine), ["desk-one"]);
    await lab.anklume(["reset", "--to", safety?.name ?? "", "--yes"]);
    assert.equal(await read("desk", "desk-one", "/data/word"), "work");
  });

  await t.step("apply --snapshot takes what it changes, and names the way back", async () => {
    const edited = INFRA.replace("copies: 2", "copies: 3")
      .replace("      desk-one:\n", "      desk-one:\n        config: { limits.memory: 300MiB }\n");
    await lab.write("infra.yml", edited);
    const { stdout } = await lab.anklume(["apply", "--snapshot", "--infra", "--yes"]);
    const back = /To go back: `anklume (snapshot restore (\S+))`/.exec(stdout);
    assert.ok(back?.[2] !== undefined, stdout);
    const [set] = (await list(lab)).filter(({ name }) => name === back[2]);
    assert.deepEqual(set?.members.map(({ machine }) => machine), ["desk-one"]);
    const nothing = await lab.anklume(["apply", "--snapshot", "--infra"]);
    assert.match(nothing.stdout, /no snapshot is needed/);
  });

  await t.step("what apply replaces is in its set, and goes back to the image it had", async () => {
    const alias = await query<{ target: string }>("/1.0/images/aliases/anklume-test");
    const before = await lab.read("infra.yml");
    await put("tp-01", "tp-01-pc", "/root/word", "mine");
    const edited = before.replace("      pc: { ", `      pc: { image: "local:${alias.target}", `);
    await lab.write("infra.yml", edited);
    const { stdout } = await lab.anklume(
      ["apply", "--snapshot", "--infra", "--yes", "--domain", "tp-01"],
    );
    const back = /To go back: `anklume snapshot restore (\S+)`/.exec(stdout)?.[1] ?? "";
    assert.equal(await read("tp-01", "tp-01-pc", "/root/word"), "", "a new root disk");
    await lab.anklume(["check", "--exit-code", "--domain", "tp-01"]);

    const restored = await lab.anklume(["snapshot", "restore", back, "--yes", "--no-safety"]);
    assert.equal(await read("tp-01", "tp-01-pc", "/root/word"), "mine");
    // The old disk has the old image again, and infra.yml still wants the new one: the output says
    // so.
    assert.match(restored.stdout, /infra\.yml has changed/);
    assert.match(restored.stdout, /image/);
    await lab.write("infra.yml", before);
    await lab.anklume(["check", "--exit-code", "--domain", "tp-01"]);
  });

  await t.step("prune shows what goes, and spares what is needed", async () => {
    await lab.anklume(["snapshot", "create", "old", "--machine", "tp-01-pc"]);
    await lab.anklume(["snapshot", "create", "new", "--machine", "pc"]);
    const wrong = await lab.anklume(["snapshot", "prune"], 2);
    assert.match(wrong.stderr, /--keep 5/);
    const asked = await lab.anklume(["snapshot", "prune", "--keep", "1"], 1);
    assert.match(asked.stdout, /Delete: old/);
    assert.match(asked.stdout, /Keep: {3}baseline/);
    const none = await lab.anklume(["snapshot", "prune", "--older-than", "1d", "--yes"]);
    assert.match(none.stdout, /Nothing to prune/);
    await lab.anklume(["snapshot", "prune", "--keep", "1", "--yes"]);
    const left = (await list(lab)).filter(({ origin }) => origin !== "schedule");
    const isAutomatic = ({ origin }: { origin: string }) => /^(?:safety|apply)$/.test(origin);
    const taken = left.filter((set) => !isAutomatic(set)).map(({ name }) => name).sort();
    assert.deepEqual(taken, ["baseline", "new"]);
    assert.equal(left.filter(isAutomatic).length, 1, "automatic ones are counted apart");
  });

  await t.step("a schedule that somebody changed by hand is drift, of a volume too", async () => {
    await must(
      ["incus", "storage", "volume", "set", "--project", "desk", "default", "desk-one-data"]
        .concat(["snapshots.schedule=@daily"]),
    );
    await must(["incus", "config", "set", "--project", "desk", "desk-one", "snapshots.expiry=1y"]);
    const { stdout } = await lab.anklume(["check", "--exit-code"], 3);
    assert.match(stdout, /snapshots\.schedule/);
    assert.match(stdout, /snapshots\.expiry/);
    await lab.anklume(["apply", "--infra", "--yes"]);
    await lab.anklume(["check", "--exit-code"]);
  });

  await t.step("scheduled snapshots of a machine and its volume are one set", async () => {
    const scheduled = async () =>
      (await list(lab)).filter(({ origin, complete }) => origin === "schedule" && complete);
    await eventually("a scheduled set", async () => (await scheduled()).length > 0, 75);
    const [set] = await scheduled();
    assert.match(set?.name ?? "", /^auto-\d{8}-\d{4}$/);
    assert.deepEqual(set?.members.map(({ machine }) => machine), ["desk-one"]);
    // Each has the name of its own minute, and Incus takes them one after the other.
    const [{ snapshot, ...place } = { snapshot: "" }] = set?.members[0]?.volumes ?? [];
    assert.deepEqual(place, { pool: "default", volume: "desk-one-data" });
    assert.match(snapshot ?? "", /^auto-\d{8}-\d{4}$/);
    const days = (Date.parse(set?.expires ?? "") - Date.parse(set?.at ?? "")) / 86_400_000;
    assert.ok(Math.abs(days - 2) < 0.1, `expires after ${days} days`);
    await put("desk", "desk-one", "/data/word", "later");
    await lab.anklume(["snapshot", "restore", set?.name ?? "", "--yes", "--no-safety"]);
    assert.notEqual(await read("desk", "desk-one", "/data/word"), "later");
    await lab.anklume(["check", "--exit-code"]);
  });

  await t.step("a set outlives the domain whose project held its note", async () => {
    await lab.anklume(["snapshot", "create", "last"]);
    const home = await query("/1.0/projects/desk") as { config: Record<string, string> };
    assert.ok(home.config["user.anklume.snapshot.last"]);
    await lab.anklume(["destroy", "--domain", "desk", "--force", "--yes"]);
    const last = (await list(lab)).find(({ name }) => name === "last");
    assert.equal(last?.complete, true);
    const gone = last?.members.filter((member) => member.gone).map(({ machine }) => machine);
    assert.deepEqual(gone, ["desk-one"]);
    const { stdout, stderr } = await lab.anklume(["snapshot", "restore", "last", "--yes"], 1);
    assert.match(stdout, /Not restored: desk-one: deleted since/);
    assert.match(stderr, /Not all of the set could be restored/);
  });

  await t.step("destroy takes machines, volumes, snapshots and notes along", async () => {
    await lab.anklume(["destroy", "--force", "--yes"]);
    assert.deepEqual(await liveInstances(), []);
    assert.deepEqual(
      await query("/1.0/storage-pools/default/volumes/custom?all-projects=true"),
      [],
    );
  });
});

import { setTimeout as sleep } from "node:timers/promises";
import assert from "node:assert/strict";
import {
  answerOf,
  BINARY,
  connect,
  IMAGE,
  inMachine,
  Lab,
  liveInstances,
  must,
  query,
  run,
  serve,
} from "./_lab.ts";

const HEAD = `project_name: snap\nglobal: { default_os_image: "${IMAGE}" }\n`;
const INFRA = `${HEAD}domains:
  pro:
    ephemeral: true
    machines:
      pro-db: { storage_volumes: { data: { path: /data }, logs: { path: /logs } } }
      pro-web: { state: manual }
  perso:
    machines:
      perso-box: {}
`;

interface Member {
  readonly machine: string;
  readonly gone: boolean;
  readonly anew?: true;
  readonly snapshot?: string;
  readonly volumes: readonly { readonly volume: string; readonly snapshot?: string }[];
}

interface Listed {
  readonly sets: readonly {
    readonly name: string;
    readonly origin: string;
    readonly at: string;
    readonly expires?: string;
    readonly description?: string;
    readonly complete: boolean;
    readonly members: readonly Member[];
  }[];
  readonly restoring: readonly { readonly machine: string; readonly set: string }[];
  readonly frozen: readonly string[];
}

async function list(lab: Lab, ...scope: string[]): Promise<Listed> {
  const { stdout } = await lab.anklume(["snapshot", "list", ...scope, "--json"]);
  return JSON.parse(stdout) as Listed;
}

/**
 * Writes a word to the root disk and both volumes of pro-db, and to the root disks of the others.
 */
async function write(word: string): Promise<void> {
  await Promise.all(PLACES.map(async ([domain, machine, path]) => {
    const argv = ["sh", "-c", `echo ${word} > ${path} && sync ${path}`];
    const { code, stderr } = await inMachine(domain, machine, ...argv);
    assert.equal(code, 0, stderr);
  }));
}

const PLACES = [
  ["pro", "pro-db", "/root/word"],
  ["pro", "pro-db", "/data/word"],
  ["pro", "pro-db", "/logs/word"],
  ["pro", "pro-web", "/root/word"],
  ["perso", "perso-box", "/root/word"],
] as const;

/**
 * Returns the present words, in the order of `PLACES`; retries a machine that is still starting.
 */
async function words(): Promise<string[]> {
  return await Promise.all(PLACES.map(async ([domain, machine, path]) => {
    for (let attempt = 1;; attempt++) {
      const { code, stdout } = await inMachine(domain, machine, "cat", path);
      if (code === 0 || attempt === 20) return stdout.trim();
      await sleep(100);
    }
  }));
}

async function addressOf(machine: string): Promise<string> {
  const live = (await liveInstances()).find(({ name }) => name === machine);
  return live?.devices.eth0?.["ipv4.address"] ?? "";
}

Deno.test("machines and their volumes go back together: one, a domain, everything", async (t) => {
  await using lab = await Lab.create(INFRA);
  await lab.anklume(["apply", "--infra"]);
  const boxAddress = await addressOf("perso-box");

  await t.step("a set of everything, read back from Incus alone", async () => {
    await write("before");
    const { stdout } = await lab.anklume(
      ["snapshot", "create", "one", "--description", "a try", "--consistent"],
    );
    assert.match(stdout, /Taken: one, 3 machines and 2 volumes/);
    const { sets } = await list(lab);
    assert.deepEqual(sets.map(({ name, origin, complete }) => ({ name, origin, complete })), [
      { name: "one", origin: "manual", complete: true },
    ]);
    assert.equal(sets[0]?.description, "a try");
    assert.equal(sets[0]?.expires, undefined);
    const db = sets[0]?.members.find(({ machine }) => machine === "pro-db");
    assert.deepEqual(db?.volumes.map(({ volume, snapshot }) => [volume, snapshot]), [
      ["pro-db-data", "one"],
      ["pro-db-logs", "one"],
    ]);
    for (const { status } of await liveInstances()) assert.equal(status, "Running");
  });

  await t.step("without consent nothing goes back", async () => {
    await write("after");
    const refused = await lab.anklume(["snapshot", "restore", "one"], 1);
    assert.match(refused.stdout, /Lost: everything written since on 3 machines and 2 volumes/);
    assert.match(refused.stderr, /--yes/);
    assert.deepEqual(new Set(await words()), new Set(["after"]));
  });

  await t.step("without a firewall nothing is stopped, so nothing has to be started", async () => {
    await must(["nft", "delete", "table", "inet", "anklume_snap"]);
    const refused = await lab.anklume(["snapshot", "restore", "one", "--yes"], 1);
    assert.match(refused.stderr, /firewall is not as infra.yml asks/);
    assert.deepEqual(new Set(await words()), new Set(["after"]));
    assert.deepEqual((await list(lab)).sets.map(({ name }) => name), ["one"]);
    await lab.anklume(["apply", "--infra"]);
  });

  await t.step("one machine, with its volumes and nothing else", async () => {
    await lab.anklume(["snapshot", "restore", "one", "--machine", "pro-db", "--yes"]);
    assert.deepEqual(await words(), ["before", "before", "before", "after", "after"]);
  });

  await t.step("the safety set of that restore takes it back", async () => {
    const safety = (await list(lab)).sets.find(({ origin }) => origin === "safety");
    assert.ok(safety?.expires !== undefined, "it does not stay for ever");
    await lab.anklume(["snapshot", "restore", safety.name, "--yes", "--no-safety"]);
    assert.deepEqual(new Set(await words()), new Set(["after"]));
    await lab.anklume(["snapshot", "delete", safety.name, "--yes"]);
  });

  await t.step("a domain: its machines, in the state and the isolation they had", async () => {
    await must(["incus", "stop", "--force", "--project", "pro", "pro-web"]);
    // A device added since, and an old address of ours: neither is there after the restore.
    await must(
      ["incus", "config", "device", "add", "--project", "pro", "pro-db", "eth9", "nic"].concat(
        ["network=net-perso"],
      ),
    );
    await lab.anklume(["snapshot", "restore", "one", "--domain", "pro", "--yes", "--no-safety"]);
    const live = await liveInstances();
    const db = live.find(({ name }) => name === "pro-db");
    assert.equal(db?.status, "Running");
    assert.deepEqual(Object.keys(db?.devices ?? {}).sort(), [
      "eth0",
      "root",
      "vol-data",
      "vol-logs",
    ]);
    assert.equal(live.find(({ name }) => name === "pro-web")?.status, "Stopped", "it had stopped");
    await must(["incus", "start", "--project", "pro", "pro-web"]);
    assert.deepEqual(await words(), ["before", "before", "before", "before", "after"]);
    await serve("perso", "perso-box", 631);
    const db0 = { domain: "pro", machine: "pro-db" } as const;
    assert.equal(await connect(db0, boxAddress, 631), undefined, "another domain");
    await answerOf("host", boxAddress, 631);
    await lab.anklume(["check", "--exit-code"]);
  });

  await t.step("everything; and a machine deleted since is named, not forgotten", async () => {
    await write("after");
    await lab.write("infra.yml", INFRA.replace(/^ +pro-web:.*\n/m, ""));
    await lab.anklume(["apply", "--infra", "--prune", "--yes"]);
    const { stdout, stderr } = await lab.anklume(["snapshot", "restore", "one", "--yes"], 1);
    assert.match(stdout, /Not restored: pro-web: deleted since/);
    assert.match(stderr, /Not all of the set/);
    const all = await words();
    assert.deepEqual(all.filter((_, index) => index !== 3), Array(4).fill("before"));
    const member = (await list(lab)).sets.find(({ name }) => name === "one")?.members
      .find(({ machine }) => machine === "pro-web");
    assert.equal(member?.gone, true);
    await lab.anklume(["check", "--exit-code"]);
  });

  await t.step("a machine made anew in its place is another one: the set stays whole", async () => {
    await lab.write("infra.yml", INFRA);
    await lab.anklume(["apply", "--infra"]);
    const one = (await list(lab)).sets.find(({ name }) => name === "one");
    const member = one?.members.find(({ machine }) => machine === "pro-web");
    assert.deepEqual([one?.complete, member?.gone, member?.anew], [true, true, true]);
    const refused = await lab.anklume(
      ["snapshot", "restore", "one", "--machine", "pro-web", "--yes"],
      2,
    );
    assert.match(refused.stderr, /has nothing to restore/);
    const { stdout } = await lab.anklume(
      ["snapshot", "restore", "one", "--domain", "pro", "--yes", "--no-safety"],
      1,
    );
    assert.match(stdout, /Not restored: pro-web: recreated since/);
    await lab.write("infra.yml", INFRA.replace(/^ +pro-web:.*\n/m, ""));
    await lab.anklume(["apply", "--infra", "--prune", "--yes"]);
  });

  await t.step(
    "what infra.yml has changed since is said, and in force before the start",
    async () => {
      await lab.anklume(["snapshot", "create", "two", "--machine", "pro-db"]);
      const ip = (await addressOf("pro-db")).replace(/\d+$/, "50");
      const edited = INFRA.replace(/^ +pro-web:.*\n/m, "")
        .replace("pro-db: { ", `pro-db: { ip: ${ip}, config: { limits.memory: 256MiB }, `);
      await lab.write("infra.yml", edited);
      await lab.anklume(["apply", "--infra", "--yes"]);
      await lab.anklume(["snapshot", "restore", "two", "--yes", "--no-safety"]);
      await lab.anklume(["check", "--exit-code"]);
      assert.equal(await addressOf("pro-db"), ip);
      const db = (await liveInstances()).find(({ name }) => name === "pro-db");
      assert.equal(db?.config["limits.memory"], "256MiB");
      // A resource that only an apply can make does not keep the machine from starting.
      const ahead = edited.replace("data: {", "more: { path: /more }, data: {")
        .replace("pro-db: { ", "pro-db: { profiles: [default, later], ")
        .replace("    ephemeral: true\n", "    ephemeral: true\n    profiles: { later: {} }\n");
      await lab.write("infra.yml", ahead);
      const { stdout } = await lab.anklume(["snapshot", "restore", "two", "--yes", "--no-safety"]);
      assert.match(stdout, /anklume apply.*vol-more/s);
      await lab.write("infra.yml", edited);
      // The restore recorded on the machine that it wants the profile.
      await lab.anklume(["apply", "--infra"]);
      await lab.anklume(["check", "--exit-code"]);
    },
  );

  await t.step(
    "one that failed is finished by what is said, which puts nothing else back",
    async () => {
      const directory = await Deno.makeTempDir({ prefix: "anklume-e2e-" });
      // A machine does not start without the source of a device. infra.yml declares the device, or
      // the restore would remove it.
      const now = await lab.read("infra.yml");
      const share = `devices: { share: { type: disk, source: ${directory}, path: /share } }`;
      const declared = now.replace(
        /^( +)perso-box: \{/m,
        `$1perso-box: { ${share}, bypasses_isolation: [share],`,
      );
      assert.notEqual(declared, now);
      await lab.write("infra.yml", declared);
      await lab.anklume(["apply", "--infra"]);
      await lab.anklume(["snapshot", "create", "shared"]);
      await Deno.remove(directory);
      // A second restore of the whole set would restore the others once more, with a second safety
      // set.
      const most = await lab.anklume(["snapshot", "restore", "shared", "--yes"], 1);
      assert.match(
        most.stderr.replace(/\s+/g, " "),
        /`anklume snapshot list` shows\s+the\s+command\s+that\s+continues/,
      );
      const safety = /kept as (\S+)/.exec(most.stdout)?.[1] ?? "";
      const restore = ["snapshot", "restore", "shared", "--domain", "perso"];
      const carriedOn = await lab.anklume([...restore, "--yes"], 1);
      assert.match(carriedOn.stdout, new RegExp(`kept as ${safety}\n`));
      assert.doesNotMatch(carriedOn.stdout, /^Taken/m);
      const { stderr } = await lab.anklume([...restore, "--yes", "--no-safety"], 1);
      const said = `anklume ${restore.join(" ")}`;
      assert.ok(stderr.replace(/\s+/g, " ").includes(`\`${said}\` again to continue`), stderr);
      const { stdout } = await lab.anklume(["snapshot", "list"]);
      assert.ok(stdout.replace(/\s+/g, " ").includes(`\`${said}\` finishes it`), stdout);
      await Deno.mkdir(directory);
      // All of them offer the state from before the first restore.
      const last = await lab.anklume([...restore, "--yes", "--no-safety"]);
      assert.ok(last.stdout.includes(`snapshot restore ${safety}`), last.stdout);
      await lab.write("infra.yml", now);
      await lab.anklume(["apply", "--infra"]);
      await Deno.remove(directory);
      await lab.anklume(["check", "--exit-code"]);
      await lab.anklume(["snapshot", "delete", safety, "--yes"]);
    },
  );

  await t.step(
    "without a volume that was deleted since its machine goes back all the same",
    async () => {
      const all = await lab.read("infra.yml");
      await lab.anklume(["snapshot", "create", "both", "--machine", "pro-db"]);
      const put = (word: string) =>
        inMachine("pro", "pro-db", "sh", "-c", `echo ${word} > /root/word`);
      await put("later");
      await lab.write("infra.yml", all.replace(", logs: { path: /logs }", ""));
      // A volume is free only after the machine has released it.
      await lab.try(["apply", "--infra", "--prune", "--yes"]);
      await lab.anklume(["apply", "--infra", "--prune", "--yes"]);
      const restore = ["snapshot", "restore", "both", "--yes", "--no-safety"];
      const { stdout } = await lab.anklume(restore, 1);
      assert.match(stdout, /Not restored: volume pro-db-logs of pro-db: deleted since/);
      assert.notEqual((await inMachine("pro", "pro-db", "cat", "/root/word")).stdout, "later\n");
      await lab.anklume(["check", "--exit-code"]);
      // Another volume of that name is not the set's.
      await lab.write("infra.yml", all);
      await lab.anklume(["apply", "--infra", "--yes"]);
      await put("later");
      const again = await lab.anklume(restore, 1);
      assert.match(
        again.stdout,
        /Not changed: volume pro-db-logs of pro-db, which is not in the set/,
      );
      assert.notEqual((await inMachine("pro", "pro-db", "cat", "/root/word")).stdout, "later\n");
      const set = (await list(lab)).sets.find(({ name }) => name === "both");
      assert.equal(set?.complete, true);
    },
  );

  await t.step("the name of a set that expired is free", async () => {
    const create = ["snapshot", "create", "short", "--machine", "pro-db"];
    await lab.anklume([...create, "--expiry", "1S"]);
    await sleep(1000);
    await lab.anklume(create);
    const [set] = (await list(lab)).sets.filter(({ name }) => name === "short");
    assert.deepEqual([set?.complete, set?.expires], [true, undefined]);
  });

  await t.step("deleting a set leaves neither snapshot nor note", async () => {
    for (const { name } of (await list(lab)).sets) {
      await lab.anklume(["snapshot", "delete", name, "--yes"]);
    }
    assert.deepEqual((await list(lab)).sets, []);
    const project = await query<{ config: Record<string, string> }>("/1.0/projects/pro");
    assert.deepEqual(Object.keys(project.config).filter((key) => key.includes("snapshot")), []);
    const snapshots = await query<unknown[]>("/1.0/instances/pro-db/snapshots?project=pro");
    assert.deepEqual(snapshots, []);
  });

  await t.step(
    "two clones of the workspace that take one name at once: one set, whole",
    async () => {
      const clone = `${lab.dir}-clone`;
      await must(["cp", "-r", lab.dir, clone]);
      try {
        const both = await Promise.all(
          [lab.dir, clone].map((cwd) => run([BINARY, "snapshot", "create", "race"], { cwd })),
        );
        assert.deepEqual(both.map(({ code }) => code).toSorted(), [0, 2], JSON.stringify(both));
        const loser = both.find(({ code }) => code === 2);
        assert.match(loser?.stderr ?? "", /a set\s+`race`/i);
        const { sets } = await list(lab);
        assert.deepEqual(
          sets.filter(({ name }) => name === "race").map((
            { origin, complete },
          ) => [origin, complete]),
          [["manual", true]],
        );
      } finally {
        await lab.anklume(["snapshot", "delete", "race", "--yes"]);
        await Deno.remove(clone, { recursive: true });
      }
    },
  );

  await t.step("wrong input is a sentence, and changes nothing", async () => {
    await lab.anklume(["snapshot", "create", "there", "--machine", "pro-db"]);
    const wrong: [string[], RegExp][] = [
      [["create", "a b"], /letters, digits/],
      [["create", "x".repeat(70)], /at most 63 characters/],
      [["create", "there"], /A set `there` exists already/],
      [["create", "x", "--machine", "pro-bd"], /Did you mean `pro-db`/],
      [["create", "x", "--domain", "prp"], /Did you mean `pro`/],
      [["create", "x", "--expiry", "30x"], /not an expiry/],
      [["restore", "ther", "--yes"], /Did you mean `there`/],
      [["delete", "nothing-like-it", "--yes"], /There is no snapshot set/],
    ];
    for (const [args, words] of wrong) {
      const { stderr } = await lab.anklume(["snapshot", ...args], 2);
      assert.match(stderr.replace(/\s+/g, " "), words);
    }
    // A user's own snapshot of that name is neither overwritten nor removed by the failure.
    await must(["incus", "snapshot", "create", "--project", "perso", "perso-box", "mine"]);
    const { stderr } = await lab.anklume(["snapshot", "create", "mine"], 2);
    assert.match(stderr, /perso-box already has a snapshot `mine`/);
    const { sets } = await list(lab);
    assert.deepEqual(sets.map(({ name, origin }) => `${name} ${origin}`).sort(), [
      "mine other",
      "there manual",
    ]);
    // A root disk alone is half a machine; the message gives this reason for the refusal.
    await must(["incus", "snapshot", "create", "--project", "pro", "pro-db", "half"]);
    const half = await lab.anklume(["snapshot", "restore", "half", "--yes"], 2);
    assert.match(
      half.stderr.replace(/\s+/g, " "),
      /half is incomplete: volume pro-db-data is not in it/,
    );
    await must(["incus", "snapshot", "delete", "--project", "pro", "pro-db", "half"]);
    // The sets of the workspace that this one was copied from are out of reach.
    const infra = await lab.read("infra.yml");
    await lab.write("infra.yml", infra.replace("project_name: snap", "project_name: copied"));
    for (const args of [["list"], ["create", "x"], ["delete", "there", "--yes"]]) {
      const { stderr } = await lab.anklume(["snapshot", ...args], 2);
      assert.match(stderr, /LOCK_OTHER_PROJECT/);
    }
    await lab.write("infra.yml", infra);
    // A user's snapshot is neither restored nor deleted with a set of anklume's: the set's note
    // decides, whatever names are given.
    await must(["incus", "snapshot", "create", "--project", "perso", "perso-box", "there"]);
    const asked = await lab.anklume(["snapshot", "restore", "there"], 1);
    assert.match(asked.stdout, /^ {2}pro-db {2}/m);
    assert.doesNotMatch(asked.stdout, /^ {2}perso-box {2}/m);
    const { stdout } = await lab.anklume(["snapshot", "delete", "there", "mine", "--yes"]);
    assert.match(stdout, /Delete there: 1 machine and 2 volumes \(pro-db\)/);
    assert.deepEqual(
      (await list(lab)).sets.map(({ name, origin }) => `${name} ${origin}`),
      ["there other"],
    );
  });
});

import assert from "node:assert/strict";
import { BINARY, IMAGE, inMachine, Lab, liveInstances, must, type Outcome, run } from "./_lab.ts";

const infraOf = (domain: string, project = "twins") => `
project_name: ${project}
global: { default_os_image: "${IMAGE}" }
domains:
  ${domain}: { ephemeral: true, internet: false, machines: { ${domain}-a: {} } }
`;
const STRANGER = "11111111-2222-4333-8444-555555555555";
const RULES = "/etc/anklume/twins.nft";

/**
 * All verbs that could take over a resource, enter a machine, or delete the other infra's rules.
 */
const VERBS = [
  "apply --infra --yes --force --prune",
  "sync",
  "check",
  "check --adopt first-a --yes",
  "status --json",
  "destroy --yes --force",
  "stop --yes first-a",
  "exec first-a -- touch /was-here",
  "copy first-a:/etc/hostname .",
  "snapshot create mine",
  "reset --yes",
  "network deploy",
] as const;

/**
 * A second workspace beside the lab's, removed at the end. The resources are not its own, so it
 * destroys nothing.
 */
class Other implements AsyncDisposable {
  private constructor(readonly dir: string) {}

  static async create(files: Record<string, string>): Promise<Other> {
    const other = new Other(await Deno.makeTempDir({ prefix: "anklume-e2e-other-" }));
    for (const [path, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${other.dir}/${path}`, text);
    }
    return other;
  }

  /** Returns the outcome, with stderr unwrapped. */
  async anklume(words: string): Promise<Outcome> {
    const outcome = await run([BINARY, ...words.split(" ")], { cwd: this.dir });
    return { ...outcome, stderr: outcome.stderr.replace(/\s+/g, " ") };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.dir, { recursive: true });
  }
}

async function bootId(): Promise<string> {
  return (await inMachine("first", "first-a", "stat", "-c%i", "/run")).stdout;
}

Deno.test("a workspace without a lock takes nothing over from an infra of its name, whatever the verb", async () => {
  await using lab = await Lab.create(infraOf("first"));
  await lab.anklume(["apply", "--infra"]);
  await lab.anklume(["snapshot", "create", "theirs"]);
  const marks = async () =>
    (await liveInstances()).map(({ name, config, status }) => ({
      name,
      status,
      marks: Object.entries(config).filter(([key]) => key.startsWith("user.")),
    }));
  const [before, boot, rules] = [await marks(), await bootId(), await Deno.readTextFile(RULES)];
  const tables = await must(["nft", "-s", "list", "ruleset"]);
  // A clone whose lock was not committed, and an unrelated infra of the same name.
  for (const domain of ["first", "second"]) {
    await using other = await Other.create({ "infra.yml": infraOf(domain) });
    for (const verb of VERBS) {
      const { code, stdout, stderr } = await other.anklume(
        verb.replaceAll("first-a", `${domain}-a`),
      );
      assert.notEqual(code, 0, `${domain}: ${verb}\n${stdout}`);
      assert.match(stderr, /NAME_TAKEN|does not belong to this infra|not on this host/, verb);
    }
    // Checks that were not made are not reported as ok.
    const doctor = await other.anklume("doctor");
    assert.notEqual(doctor.code, 0);
    assert.match(doctor.stdout, /^BAD +infra /m);
    assert.deepEqual(await marks(), before);
    await assert.rejects(Deno.stat(`${other.dir}/infra.lock.yml`), "no lock was written");
  }
  assert.equal(await bootId(), boot);
  assert.equal(await Deno.readTextFile(RULES), rules);
  assert.equal(await must(["nft", "-s", "list", "ruleset"]), tables);
  const listed = await lab.anklume(["snapshot", "list", "--json"]);
  assert.match(listed.stdout, /theirs/);
  assert.doesNotMatch(listed.stdout, /"mine"/);
});

Deno.test("a lost lock is read back once somebody names the UUID of what lives, or types its name", async () => {
  await using lab = await Lab.create(infraOf("first"));
  await lab.anklume(["apply", "--infra"]);
  const lock = await lab.read("infra.lock.yml");
  const uuid = /^infra: "(.*)"$/m.exec(lock)?.[1] ?? assert.fail(lock);
  await Deno.remove(`${lab.dir}/infra.lock.yml`);

  // The error shows the exact option that helps.
  const refused = await lab.anklume(["apply", "--infra", "--yes"], 2);
  assert.match(refused.stderr.replace(/\s+/g, " "), new RegExp(`--take-over ${uuid}`));
  const wrong = await lab.anklume(["apply", "--infra", "--yes", "--take-over", STRANGER], 2);
  assert.match(wrong.stderr, /TAKE_OVER_UNKNOWN/);

  const looked = await lab.anklume(["check", "--json", "--take-over", uuid]);
  const plan = JSON.parse(looked.stdout) as { changes: unknown[]; diagnostics: { code: string }[] };
  assert.deepEqual(plan.changes, []);
  assert.deepEqual(plan.diagnostics.map(({ code }) => code), ["LOCK_REBUILT"]);
  await assert.rejects(lab.read("infra.lock.yml"), "check writes nothing");

  await lab.anklume(["sync", "--take-over", uuid]);
  assert.equal(await lab.read("infra.lock.yml"), lock);
  await lab.expectEmptyPlan();
  // A second time it changes nothing; with another UUID it is an error.
  await lab.anklume(["apply", "--infra", "--take-over", uuid]);
  await lab.anklume(["apply", "--infra", "--take-over", STRANGER], 2);

  // A user at a terminal confirms by typing the name; `--yes` does not answer that question.
  await Deno.remove(`${lab.dir}/infra.lock.yml`);
  const typed = (text: string) =>
    run(["script", "-qec", `${BINARY} apply --infra --yes`, "/dev/null"], {
      cwd: lab.dir,
      stdin: `${text}\n`,
    });
  assert.notEqual((await typed("yes")).code, 0);
  await assert.rejects(lab.read("infra.lock.yml"));
  const agreed = await typed("twins");
  assert.equal(agreed.code, 0, agreed.stdout);
  assert.equal(await lab.read("infra.lock.yml"), lock);
});

Deno.test("two infras of one name never share a host: rules, live and for the next boot, stay the first one's", async () => {
  await using lab = await Lab.create(infraOf("first"));
  await lab.anklume(["apply", "--infra"]);
  const lock = await lab.read("infra.lock.yml");
  const rules = await Deno.readTextFile(RULES);
  const stranger = lock.replace(/^infra: .*$/m, `infra: "${STRANGER}"`);
  const verbs = [
    "check",
    "apply --infra --yes",
    "network deploy",
    "destroy --yes --force",
  ];
  for (const flushed of [false, true]) {
    // The unit would load this file again: without it the first infra would be open after the next
    // boot.
    if (flushed) {
      for (const family of ["inet", "bridge", "arp"]) {
        await must(["nft", "delete", "table", family, "anklume_twins"]);
      }
    }
    // One infra with the same domains, and one with only the same name.
    for (
      const files of [
        { "infra.yml": infraOf("first"), "infra.lock.yml": stranger },
        {
          "infra.yml": infraOf("second"),
          "infra.lock.yml": stranger.replaceAll("first", "second").replaceAll(
            "10.120.0",
            "10.120.9",
          ),
        },
      ]
    ) {
      await using other = await Other.create(files);
      for (const verb of verbs) {
        const { code, stdout, stderr } = await other.anklume(verb);
        if (verb.startsWith("destroy")) {
          assert.match(stdout, /there is nothing to remove on this host/, stderr);
        } else assert.notEqual(code, 0, `${verb}\n${stdout}`);
        if (/^(check|apply)/.test(verb)) assert.match(stderr, /NAME_TAKEN/);
        assert.equal(await Deno.readTextFile(RULES), rules, verb);
      }
    }
    assert.equal(/anklume_twins/.test(await must(["nft", "list", "tables"])), !flushed);
  }
  assert.deepEqual((await liveInstances()).map(({ name }) => name), ["first-a"]);
  await lab.anklume(["apply", "--infra"]);
  await lab.expectEmptyPlan();
});

Deno.test("neither the UUID of another infra nor the name of its domain makes anything ours", async () => {
  await using lab = await Lab.create(infraOf("first"));
  await lab.anklume(["apply", "--infra"]);
  const lock = (await lab.read("infra.lock.yml")).replace("project: twins", "project: thief");
  for (const domain of ["first", "second"]) {
    await using other = await Other.create({
      "infra.yml": infraOf(domain, "thief"),
      "infra.lock.yml": lock.replaceAll("first", domain),
    });
    for (const verb of VERBS) {
      const { code, stdout, stderr } = await other.anklume(
        verb.replaceAll("first-a", `${domain}-a`),
      );
      // A verb that neither reads the host nor changes another's resources is allowed.
      if (verb.startsWith("sync")) continue;
      assert.notEqual(code, 0, `${verb}\n${stdout}`);
      if (/^(apply|check|status|destroy|stop|network)/.test(verb)) {
        assert.match(stderr, /LOCK_OTHER_INFRA/, verb);
      }
    }
    assert.doesNotMatch(await must(["nft", "list", "tables"]), /thief/);
  }
  assert.deepEqual((await liveInstances()).map(({ status }) => status), ["Running"]);
  await using other = await Other.create({
    "infra.yml": infraOf("first", "neighbour").replace(
      "{ def",
      "{ addressing: { zone_base: 160 }, def",
    ),
  });
  for (const verb of ["check", "apply --infra --yes", "apply --infra --yes --force --prune"]) {
    const { code, stderr } = await other.anklume(verb);
    assert.notEqual(code, 0);
    assert.match(stderr, /FOREIGN_RESOURCE/);
  }
  const { stdout } = await other.anklume("destroy --yes --force");
  assert.match(stdout, /there is nothing to remove on this host/);
  await lab.expectEmptyPlan();
});

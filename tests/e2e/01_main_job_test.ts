import assert from "node:assert/strict";
import {
  answerOf,
  connect,
  IMAGE,
  inMachine,
  Lab,
  liveInstances,
  OUTSIDE_ADDRESS,
  serve,
} from "./_lab.ts";

interface Status {
  readonly firewall: { readonly state: string };
}

Deno.test("a newcomer goes from a template to isolated, provisioned machines", async (t) => {
  await using lab = await Lab.create();

  await t.step("init writes an infra.yml that validates", async () => {
    await lab.anklume(["init", "--template", "workstation", "--image", IMAGE]);
    const { stdout } = await lab.anklume(["validate"]);
    assert.match(stdout, /3 domains.*5 machines/);
  });

  await t.step("sync writes the tree, and a second one changes nothing", async () => {
    const first = await lab.anklume(["sync"]);
    assert.match(first.stdout, /created\s+site\.yml/);
    const second = await lab.anklume(["sync"]);
    assert.doesNotMatch(second.stdout, /created|updated/);
  });

  await t.step("check says what apply would do and touches nothing", async () => {
    const { stdout } = await lab.anklume(["check", "--exit-code"], 3);
    assert.match(stdout, /pro-dev/);
    assert.deepEqual(await liveInstances(), []);
  });

  await t.step("apply builds and provisions it", async () => {
    const { stdout } = await lab.anklume(["apply"]);
    assert.match(stdout, /base_system/);
    const live = await liveInstances();
    assert.equal(live.length, 5);
    assert.deepEqual(live.filter(({ status }) => status !== "Running"), []);
    const zone = await inMachine("pro", "pro-dev", "date", "+%Z");
    assert.match(zone.stdout, /^CES?T/);
    const disk = await inMachine("pro", "pro-dev", "findmnt", "-n", "-o", "TARGET", "/data");
    assert.equal(disk.stdout.trim(), "/data");
  });

  await t.step("right after it, there is nothing to do", async () => {
    await lab.anklume(["check", "--exit-code"]);
    const again = await lab.anklume(["apply"]);
    assert.doesNotMatch(again.stdout, /PLAY RECAP/);
  });

  await t.step("status shows the firewall first", async () => {
    const { stdout } = await lab.anklume(["status"]);
    assert.match(stdout.trimStart().split("\n")[0]!, /firewall/i);
    const json = JSON.parse((await lab.anklume(["status", "--json"])).stdout) as Status;
    assert.equal(json.firewall.state, "in-place");
  });

  await t.step("real packets: the policy's connection passes, and nothing else", async () => {
    const print = await lab.address("perso-print");
    const vault = await lab.address("perso-vault");
    const dev = await lab.address("pro-dev");
    await serve("perso", "perso-print", 631);
    await serve("perso", "perso-print", 632);
    await serve("perso", "perso-vault", 631);
    await serve("pro", "pro-dev", 631);
    const pro = { domain: "pro", machine: "pro-dev" } as const;
    const sandbox = { domain: "sandbox", machine: "sandbox-open" } as const;
    const perso = { domain: "perso", machine: "perso-print" } as const;

    assert.equal(await answerOf(pro, print, 631), dev, "the target sees the true source");
    assert.equal(await connect(pro, print, 632), undefined, "another port");
    assert.equal(await connect(pro, vault, 631), undefined, "another machine of the domain");
    assert.equal(await connect(perso, dev, 631), undefined, "the other direction");
    assert.equal(await connect(sandbox, print, 631), undefined, "another domain");
    assert.equal(await answerOf({ domain: "perso", machine: "perso-vault" }, print, 631), vault);
    // The host reaches each machine.
    await answerOf("host", print, 632);

    // internet: true
    await answerOf(pro, OUTSIDE_ADDRESS, 9000);
    assert.equal(await connect(sandbox, OUTSIDE_ADDRESS, 9000), undefined, "internet: false");
  });

  await t.step("destroy needs --force for what is protected", async () => {
    const refused = await lab.anklume(["destroy", "--yes"]);
    assert.match(refused.stdout + refused.stderr, /pro-dev/);
    const left = (await liveInstances()).map(({ name }) => name).sort();
    assert.deepEqual(left, ["perso-print", "perso-vault", "pro-dev", "pro-mail"]);
  });
});

/**
 * A firewalld and a ufw of Debian's beside anklume's rules, run by their own services. What they cost is said, what `doctor`
 * names mends it, and a zone that trusts a bridge opens no wall. `scripts/test machine`; by recorded rules: e2e/05_other_firewalls.
 */
import assert from "node:assert/strict";
import { eventually } from "../e2e/_lab.ts";
import { machine, onMachine, Workspace } from "./_machine.ts";
import {
  answer,
  badFindings,
  hostAnswer,
  journal,
  liveRules,
  OUTSIDE,
  OUTSIDE_PORT,
  serve,
  settled,
} from "./_traffic.ts";

const INFRA = `
project_name: beside
global: { default_os_image: "local:anklume-test" }
domains:
  left: { ephemeral: true, internet: true, machines: { left-a: { boot_autostart: true } } }
  right: { ephemeral: true, internet: false, machines: { right-a: { boot_autostart: true } } }
network_policies:
  - { from: left, to: right, protocol: tcp, ports: [80], description: "for the test" }
`;

const standing = () => Workspace.onHost("beside", INFRA);

/** Serves where the policy leads, and where nothing leads. */
async function served(): Promise<void> {
  await Promise.all([settled("left", "left-a"), settled("right", "right-a")]);
  await serve("right", "right-a", 80);
  await serve("right", "right-a", 81);
  await serve("left", "left-a", 80);
}

interface Passing {
  readonly outside: boolean;
  readonly policy: boolean;
  readonly names: boolean;
}

/** What infra.yml lets through. */
async function passing(workspace: Workspace): Promise<Passing> {
  const right = await workspace.address("right-a");
  const gateway = (await workspace.address("left-a")).replace(/\d+$/, "254");
  const asked = [[OUTSIDE, OUTSIDE_PORT], [right, 80], [gateway, 53]] as const;
  const [outside, policy, names] = await Promise.all(
    asked.map(async ([address, port]) =>
      await answer("left", "left-a", address, port) !== undefined
    ),
  );
  return { outside: outside!, policy: policy!, names: names! };
}

const ALL: Passing = { outside: true, policy: true, names: true };

/** What it does not. */
async function nothingElsePasses(workspace: Workspace): Promise<void> {
  const [left, right] = [await workspace.address("left-a"), await workspace.address("right-a")];
  // The servers answer whoever may ask: their own host, which is trusted.
  for (const [address, port] of [[right, 81], [left, 80]] as const) {
    assert.notEqual(await hostAnswer(address, port), undefined);
  }
  assert.deepEqual(
    await Promise.all([
      answer("left", "left-a", right, 81),
      answer("right", "right-a", left, 80),
      answer("right", "right-a", OUTSIDE, OUTSIDE_PORT),
    ]),
    [undefined, undefined, undefined],
  );
}

/** It drops what must pass; doctor, verify and the packets say the same, and its remedy mends it. */
async function mended(workspace: Workspace, check: string): Promise<void> {
  const before = await passing(workspace);
  assert.deepEqual(before, { outside: false, policy: false, names: false });
  const bad = await badFindings(workspace);
  assert.deepEqual([...new Set(bad.map((each) => each.check))], [check], JSON.stringify(bad));
  const said = bad.map(({ detail }) => detail).join("\n");
  for (const cost of [/the internet of left/, /DNS and DHCP of left/, /policy-1/]) {
    assert.match(said, cost);
  }
  assert.match(
    (await workspace.anklume("network verify", 1)).replaceAll(/\s+/g, " "),
    new RegExp(
      `left-a -> right-a .*another table of this host drops it: table \\w+ \\w+, which is ${check}'s`,
    ),
  );
  for (const remedy of new Set(bad.map((each) => each.remedy ?? ""))) await onMachine(remedy);
}

/** The steps that every firewall beside anklume has to pass. */
async function appliesBeside(
  t: Deno.TestContext,
  workspace: Workspace,
  firewall: string,
): Promise<void> {
  await t.step("an apply goes through, and the wall stands", async () => {
    await workspace.anklume("apply --infra --yes");
    await nothingElsePasses(workspace);
  });
  await t.step("doctor, verify and packets agree; what doctor names mends it", async () => {
    await mended(workspace, firewall);
    assert.deepEqual(await passing(workspace), ALL);
    assert.deepEqual(await badFindings(workspace), []);
    await workspace.anklume("network verify");
  });
}

Deno.test("a firewalld beside us: what it costs is said and mended, and opens nothing", async (t) => {
  const workspace = await standing();
  await served();
  assert.deepEqual(await passing(workspace), ALL);
  await onMachine("systemctl start firewalld");
  try {
    await appliesBeside(t, workspace, "firewalld");
    await t.step("a zone that trusts the bridges opens no wall", async () => {
      assert.match(await onMachine("firewall-cmd --zone=trusted --list-interfaces"), /net-left/);
      await nothingElsePasses(workspace);
    });
    await t.step("its reload and its restart take none of our rules", async () => {
      const rules = await liveRules("beside");
      const loaded = await journal("anklume-firewall");
      await onMachine("firewall-cmd --reload; firewall-cmd --complete-reload");
      await onMachine("systemctl restart firewalld");
      assert.equal(await liveRules("beside"), rules);
      // They were not there again: they were never gone.
      assert.equal(await journal("anklume-firewall"), loaded);
      assert.deepEqual(await passing(workspace), ALL);
      await nothingElsePasses(workspace);
    });
    await t.step("after a reboot with it both stand", async () => {
      await onMachine(
        "systemctl -q enable firewalld; echo net.ipv4.ip_forward=1 >/etc/sysctl.d/60-anklume.conf",
      );
      await machine("reboot");
      assert.equal(
        await onMachine("systemctl is-active firewalld anklume-firewall"),
        "active\nactive\n",
      );
      await served();
      assert.match(await workspace.anklume("check"), /as declared/);
      assert.deepEqual(await passing(workspace), ALL);
      await nothingElsePasses(workspace);
    });
  } finally {
    await onMachine("systemctl -q disable --now firewalld; rm -rf /etc/firewalld/zones/*");
  }
});

Deno.test("a ufw beside us: likewise", async (t) => {
  const workspace = await standing();
  await served();
  assert.deepEqual(await passing(workspace), ALL);
  await onMachine("ufw --force enable");
  try {
    await appliesBeside(t, workspace, "ufw");
    await t.step("what it lets through opens no wall", async () => {
      assert.match(await onMachine("ufw status"), /net-left/);
      await nothingElsePasses(workspace);
    });
    await t.step("its reload takes none of our rules", async () => {
      const rules = await liveRules("beside");
      const loaded = await journal("anklume-firewall");
      await onMachine("ufw reload");
      assert.equal(await liveRules("beside"), rules);
      assert.equal(await journal("anklume-firewall"), loaded);
      assert.deepEqual(await passing(workspace), ALL);
    });
  } finally {
    await onMachine("ufw --force reset; ufw --force disable");
  }
});

Deno.test("at the end nothing stays behind, and the neighbours are as they were", async () => {
  const workspace = await standing();
  await eventually("all is let through again", async () => {
    return Object.values(await passing(workspace)).every((each) => each);
  });
  await onMachine("rm -f /etc/sysctl.d/60-anklume.conf");
  await workspace.destroy();
});

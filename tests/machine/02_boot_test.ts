/**
 * Boots under systemd, and programs that empty the rules. `scripts/test machine`; tests/boot has
 * the same with scripts/testbed.
 */
import assert from "node:assert/strict";
import { eventually } from "../e2e/_lab.ts";
import { COUNTERS, FIRST_PACKET } from "../_first_packet.ts";
import { attempt, machine, onMachine, powerCut, Workspace } from "./_machine.ts";

const INFRA = `
project_name: rebooted
global: { default_os_image: "local:anklume-test" }
domains:
  left: { ephemeral: true, internet: false, machines: { left-a: { boot_autostart: true } } }
  right: { ephemeral: true, machines: { right-a: { boot_autostart: true } } }
`;

/**
 * Applies the infra. Its left machine attacks from the first moment of each boot, and packets are
 * counted.
 */
async function underAttack(): Promise<Workspace> {
  await onMachine("dpkg -i /srv/packages/netbase_*.deb");
  const workspace = await Workspace.standing("rebooted", INFRA);
  const [left, right] = [await workspace.address("left-a"), await workspace.address("right-a")];
  const unit = FIRST_PACKET.replace("ADDRESS", left).replace("TARGET", right)
    .replace("GATEWAY", left.replace(/\d+$/, "254"));
  const path = "/etc/systemd/system/first.service";
  await onMachine(`incus exec --project left left-a -- sh -c 'cat >${path}'`, unit);
  await onMachine("incus exec --project left left-a -- systemctl -q --root=/ enable first.service");
  await onMachine("cat >/etc/anklume/counters.nft", COUNTERS);
  return workspace;
}

async function counted(): Promise<{ sent: number; passed: number }> {
  const { stdout } = await attempt("nft list counters table inet anklume_counters");
  const of = (name: string) =>
    Number(new RegExp(`counter ${name} \\{\\s*packets (\\d+)`).exec(stdout)?.[1] ?? 0);
  return { sent: of("sent"), passed: of("passed") };
}

/** Asserts that the attacker has sent several hundred packets since the boot, and none passed. */
async function nothingPassed(): Promise<void> {
  await eventually(
    "the attacker sends",
    async () => (await counted()).sent > 500,
    240,
  );
  const { sent, passed } = await counted();
  assert.equal(passed, 0, `${passed} of ${sent} packets passed`);
  // Otherwise it would keep the emulated processor busy.
  await onMachine("incus exec --project left left-a -- systemctl stop first");
}

/** Returns the seconds between the boot and the start of a unit. */
async function started(unit: string): Promise<number> {
  const text = await onMachine(
    `systemctl show --value -p ActiveEnterTimestampMonotonic ${unit}.service`,
  );
  return Number(text) / 1e6;
}

const loaded = async () =>
  /table inet anklume_rebooted\n/.test((await attempt("nft list tables")).stdout);

Deno.test("after a reboot the first packet is filtered, and the rules stood before Incus", async () => {
  const workspace = await underAttack();
  await machine("reboot");
  await nothingPassed();
  const [rules, incus] = [await started("anklume-firewall"), await started("incus")];
  assert.ok(rules > 0 && rules < incus, `rules after ${rules} s, Incus after ${incus} s`);
  assert.match(await workspace.anklume("check"), /as declared/);
});

Deno.test("after a power cut the first packet is filtered", async () => {
  await underAttack();
  await powerCut();
  await nothingPassed();
});

Deno.test("the unit listens: rules that somebody flushes are back at once, and it does so once", async () => {
  await underAttack();
  await onMachine("nft flush ruleset");
  const began = Date.now();
  await eventually("the rules are back", loaded);
  const took = Date.now() - began;
  let journal = "";
  await eventually("the unit says so", async () => {
    journal = await onMachine("journalctl -b -u anklume-firewall -o cat");
    return /table \w+ anklume_rebooted is gone: loading/.test(journal);
  });
  assert.ok(took < 10_000, `${took} ms`);
  // A monitor command that nft does not understand would be restarted for ever.
  assert.doesNotMatch(journal, /syntax error/);
});

Deno.test("nftables.service restarts, reloads and stops: the rules are there again", async () => {
  const workspace = await underAttack();
  await onMachine("systemctl start nftables");
  for (const verb of ["restart", "reload"]) {
    await onMachine(`systemctl ${verb} nftables`);
    await eventually(`the rules are back after ${verb}`, loaded);
    // A restart also restarts its parts, and Incus, which requires the rules; machines go on.
    await eventually(
      "Incus is back",
      async () => (await attempt("systemctl is-active incus")).stdout === "active\n",
      60,
    );
  }
  assert.match(await workspace.anklume("check"), /as declared/);
  await onMachine("systemctl stop nftables");
  // Stopping a firewall also stops its parts, and so Incus, which requires the rules.
  await onMachine("systemctl start incus");
  await eventually("the rules are back after stop", loaded);
});

Deno.test("with a unit that fails Incus starts no machine, and the others' rules are loaded", async () => {
  const workspace = await underAttack();
  await onMachine("echo 'table inet anklume_broken { nonsense' >/etc/anklume/broken.nft");
  try {
    await machine("reboot");
    assert.equal((await attempt("systemctl is-active anklume-firewall")).stdout, "failed\n");
    assert.notEqual((await attempt("timeout 20 incus list")).code, 0, "Incus runs");
    assert.equal((await counted()).sent, 0);
    assert.ok(await loaded());
  } finally {
    await onMachine("rm /etc/anklume/broken.nft");
  }
  await machine("reboot");
  await nothingPassed();
  assert.match(await workspace.anklume("check"), /as declared/);
});

Deno.test("the attack works where the rules are missing", async () => {
  const workspace = await underAttack();
  await onMachine("mv /etc/anklume/rebooted.nft /etc/anklume/rebooted.away");
  try {
    await machine("reboot");
    await eventually("packets pass", async () => (await counted()).passed > 100, 240);
    assert.match(await workspace.anklume("status"), /NOT LOADED/);
  } finally {
    await onMachine("mv /etc/anklume/rebooted.away /etc/anklume/rebooted.nft");
  }
});

Deno.test("at the end nothing stays behind", async () => {
  const workspace = await underAttack();
  await onMachine(
    "rm /etc/anklume/counters.nft; nft delete table inet anklume_counters || :; nft delete table bridge anklume_counters || :",
  );
  await workspace.destroy();
});

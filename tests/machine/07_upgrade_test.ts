/**
 * Incus 6.0 upgraded to 7.0 by apt on a host with running domains: its own maintainer scripts, its own systemd. `scripts/test machine`; by
 * a private host, with volumes and an admin container: tests/takeover. Afterwards the machine has 7.0: the last file of the folder.
 */
import assert from "node:assert/strict";
import { eventually } from "../e2e/_lab.ts";
import { attempt, machine, onMachine, Workspace } from "./_machine.ts";
import { answer, badFindings, inContainer, journal, serve, settled } from "./_traffic.ts";

const INFRA = `
project_name: older
global: { default_os_image: "local:anklume-test" }
domains:
  left:
    ephemeral: true
    machines: { left-a: { storage_volumes: { data: { path: /data, size: 64MiB } } } }
  right: { ephemeral: true, machines: { right-a: {} } }
network_policies:
  - { from: left, to: right, protocol: tcp, ports: [80] }
`;

/** What left-a sends to right-a, and what of it passes. */
const COUNTERS = `table inet upgrade {
  counter sent {}
  counter passed {}
  chain raw { type filter hook prerouting priority -300; iifname "net-left" udp dport 9999 counter name sent; }
  chain last { type filter hook forward priority 300; udp dport 9999 counter name passed; }
}
`;

async function counted(name: string): Promise<number> {
  const text = await onMachine(`nft list counter inet upgrade ${name}`);
  return Number(/packets (\d+)/.exec(text)?.[1] ?? assert.fail(text));
}

const incusVersion = async () =>
  /^Server version: (\S+)/m.exec(await onMachine("incus version"))?.[1] ?? "";

/** When a container's first process began: the same number, the same run. */
const firstProcess = (domain: string, container: string) =>
  inContainer(domain, container, "stat -c %Z /proc/1");

const word = () => inContainer("left", "left-a", "cat /root/word /data/word");
const write = (text: string) =>
  inContainer("left", "left-a", `echo ${text} >/root/word; echo ${text} >/data/word`);

Deno.test("apt upgrades Incus beneath running domains: they run on behind the wall, and all is as declared", async (t) => {
  const workspace = await Workspace.onHost("older", INFRA);
  assert.match(await incusVersion(), /^6\.0\./, "this machine has been upgraded already");
  await Promise.all([settled("left", "left-a"), settled("right", "right-a")]);
  await serve("right", "right-a", 80);
  await write("old");
  await workspace.anklume("snapshot create one");
  await write("now");
  const right = await workspace.address("right-a");
  const runs =
    async () => [await firstProcess("left", "left-a"), await firstProcess("right", "right-a")];
  const before = await runs();
  await onMachine("nft -f -", COUNTERS);
  await inContainer(
    "left",
    "left-a",
    `systemd-run -q --unit=attack bash -c 'while :; do echo x >/dev/udp/${right}/9999; sleep 0.2; done'`,
  );

  await t.step("apt does it, and not one packet passed meanwhile", async () => {
    await machine("start", "--incus7-packages");
    const sent = await counted("sent");
    await onMachine(
      "apt-get -q update; DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends dist-upgrade",
    );
    await eventually("Incus answers", async () => {
      return (await attempt("timeout 20 incus list")).code === 0;
    }, 120);
    assert.match(await incusVersion(), /^7\.0\./);
    assert.ok(await counted("sent") > sent + 50, "the attacker did not send");
    assert.equal(await counted("passed"), 0);
    await inContainer("left", "left-a", "systemctl stop attack");
  });

  await t.step("the machines are the same runs, and reach what they reached", async () => {
    assert.deepEqual(await runs(), before);
    assert.equal(await word(), "now\nnow\n");
    assert.notEqual(await answer("left", "left-a", right, 80), undefined);
    assert.doesNotMatch(await journal("anklume-firewall"), /is gone/);
  });

  await t.step("check says nothing, status, doctor and verify find nothing", async () => {
    assert.match(await workspace.anklume("check"), /as declared/);
    assert.match(await workspace.anklume("status"), /loaded, as rendered/);
    assert.deepEqual(await badFindings(workspace), []);
    await workspace.anklume("network verify");
  });

  await t.step("a set that was taken under 6.0 goes back", async () => {
    await workspace.anklume("snapshot restore one --yes --no-safety");
    await settled("left", "left-a");
    assert.equal(await word(), "old\nold\n");
    assert.match(await workspace.anklume("check"), /as declared/);
  });

  await t.step("after a reboot under 7.0 the rules stand before Incus", async () => {
    await machine("reboot");
    await Promise.all([settled("left", "left-a"), settled("right", "right-a")]);
    await serve("right", "right-a", 80);
    await serve("right", "right-a", 81);
    assert.notEqual(await answer("left", "left-a", right, 80), undefined);
    assert.equal(await answer("left", "left-a", right, 81), undefined);
    const [rules, incus] = await Promise.all(
      ["anklume-firewall", "incus"].map(async (unit) =>
        Number(
          await onMachine(
            `systemctl show --value -p ActiveEnterTimestampMonotonic ${unit}.service`,
          ),
        )
      ),
    );
    assert.ok(rules! > 0 && rules! < incus!, `rules after ${rules}, Incus after ${incus} µs`);
    assert.match(await workspace.anklume("check"), /as declared/);
  });
  await onMachine("nft delete table inet upgrade 2>/dev/null || :");
  await workspace.destroy();
});

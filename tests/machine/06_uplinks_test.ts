/**
 * A bridge as the uplink, and those who manage the uplinks of a real host: systemd-networkd, NetworkManager. `scripts/test machine`;
 * the rules alone, in namespaces: tests/nftables.
 */
import assert from "node:assert/strict";
import { eventually } from "../e2e/_lab.ts";
import { attempt, onMachine, type Workspace } from "./_machine.ts";
import { findings, hostAnswer, OUTSIDE, OUTSIDE_PORT } from "./_traffic.ts";
import { left, standing, tunnel } from "./_ways.ts";

/** What a manager of the host's networks must leave alone: addresses of the bridges, and how many ports they have. */
const standingBridges = () =>
  onMachine(
    "for b in net-left net-tunnel; do ip -br -4 address show dev $b; done; bridge link | grep -c ' master net-' || :",
  );

async function holds(workspace: Workspace, bridges: string): Promise<void> {
  assert.equal(await standingBridges(), bridges);
  await eventually(
    "the way out is back",
    async () => (await left()) === "outside from 198.51.100.2",
    60,
  );
  assert.equal(await tunnel(), undefined);
  assert.match(await workspace.anklume("check"), /as declared/);
  await workspace.anklume("network verify");
}

const BRIDGED = {
  "20-br0.netdev": "[NetDev]\nName=br0\nKind=bridge\n",
  "20-br0.network": "[Match]\nName=br0\n[Network]\nAddress=198.51.100.2/24\nGateway=198.51.100.1\n",
  "20-uplink.network": "[Match]\nName=uplink0\n[Network]\nBridge=br0\n",
};

Deno.test("a bridge br0 of systemd-networkd carries the uplink: one apply, and a restart of networkd changes nothing", async () => {
  const workspace = await standing();
  for (const [file, text] of Object.entries(BRIDGED)) {
    await onMachine(`cat >/etc/systemd/network/${file}`, text);
  }
  try {
    await onMachine("networkctl reload");
    await eventually("br0 leads out", async () => {
      return /^outside/.test(await hostAnswer(OUTSIDE, OUTSIDE_PORT) ?? "") &&
        /dev br0/.test(await onMachine("ip route show default"));
    }, 90);
    // A bridge is outside where it carries the default route, and that stands in the rules.
    assert.match(await workspace.anklume("check"), /br0|firewall|rules/i);
    await workspace.anklume("apply --infra --yes");
    const bridges = await standingBridges();
    await holds(workspace, bridges);
    await onMachine("systemctl restart systemd-networkd");
    await holds(workspace, bridges);
    assert.match(await onMachine("bridge link show dev uplink0"), /master br0/);
  } finally {
    await onMachine(`cd /etc/systemd/network; rm -f ${Object.keys(BRIDGED).join(" ")}
      networkctl reload; ip link del br0 2>/dev/null || :; networkctl reconfigure uplink0`);
  }
  await eventually(
    "the uplink is back",
    async () => /^outside/.test(await hostAnswer(OUTSIDE, OUTSIDE_PORT) ?? ""),
    60,
  );
  await workspace.anklume("apply --infra --yes");
});

Deno.test("a systemd-networkd that manages every interface takes bridges apart: told, mended, and kept off as doctor says", async () => {
  const workspace = await standing();
  const bridges = await standingBridges();
  const [all, ours] = ["90-all", "10-anklume"].map((name) =>
    `/etc/systemd/network/${name}.network`
  );
  await onMachine(
    `printf '[Match]\\nName=*\\n[Network]\\nDHCP=yes\\n' >${all}; systemctl restart systemd-networkd`,
  );
  try {
    const bad = async () =>
      (await findings(workspace)).find(({ check, state }) =>
        check === "bridges" && state === "bad"
      );
    await eventually("it has taken them", async () => await bad() !== undefined, 120);
    assert.notEqual(await standingBridges(), bridges);
    assert.match(await workspace.anklume("check"), /a part of it is missing on the host/);
    const { detail, remedy = "" } = await bad() ?? assert.fail("nothing is bad any more");
    assert.match(detail, /net-left: no address .*is not plugged in/);
    assert.match(remedy, /systemd-networkd runs here; .*10-anklume\.network with the lines/);
    const [, match, name, link, unmanaged] =
      /lines (\[Match\]), (Name=[^,]+), (\[Link\]) and (\S+?),/.exec(remedy) ??
        assert.fail(remedy);
    await onMachine(
      `cat >${ours}; networkctl reload`,
      `${[match, name, link, unmanaged].join("\n")}\n`,
    );
    await workspace.anklume("network deploy");
    await holds(workspace, bridges);
    await onMachine("systemctl restart systemd-networkd");
    await holds(workspace, bridges);
  } finally {
    await onMachine(`rm -f ${all} ${ours}; systemctl restart systemd-networkd`);
    await workspace.anklume("network deploy");
  }
});

Deno.test("NetworkManager has the uplink: it leaves bridges and ports alone, and its restart changes nothing", async () => {
  const workspace = await standing();
  const bridges = await standingBridges();
  await onMachine(
    "systemctl stop systemd-networkd.socket systemd-networkd; ip address flush dev uplink0; systemctl start NetworkManager",
  );
  try {
    await eventually("NetworkManager leads out", async () => {
      return /^outside/.test(await hostAnswer(OUTSIDE, OUTSIDE_PORT) ?? "");
    }, 120);
    assert.match(await onMachine("nmcli -t -f DEVICE,STATE device"), /^uplink0:connected$/m);
    await holds(workspace, bridges);
    await onMachine("systemctl restart NetworkManager");
    await eventually("it manages the uplink again", async () => {
      return /^uplink0:connected$/m.test((await attempt("nmcli -t -f DEVICE,STATE device")).stdout);
    }, 120);
    await holds(workspace, bridges);
    const states = await onMachine("nmcli -t -f DEVICE,STATE device");
    for (const line of states.split("\n")) {
      if (/^(net-|ak)/.test(line)) assert.match(line, /:(unmanaged|connected \(externally\))$/);
    }
  } finally {
    await onMachine(
      "systemctl stop NetworkManager; ip address flush dev uplink0; systemctl start systemd-networkd; networkctl reconfigure uplink0",
    );
  }
  await holds(workspace, bridges);
});

Deno.test("at the end nothing stays behind", async () => {
  await (await standing()).destroy();
});

/**
 * A host after `apt install incus nftables`, with Debian's own kernel and systemd.
 * `scripts/test machine`.
 */
import assert from "node:assert/strict";
import { onMachine, Workspace } from "./_machine.ts";

const INFRA = `
project_name: plain
global: { default_os_image: "local:anklume-test" }
domains:
  left: { ephemeral: true, internet: true, machines: { left-a: {} } }
  right: { ephemeral: true, machines: { right-a: {} } }
network_policies:
  - { from: left, to: right, protocol: tcp, ports: [80], description: "for the test" }
`;

async function nftFinding(workspace: Workspace, expected: number) {
  const text = await workspace.anklume("doctor --json", expected);
  const { findings } = JSON.parse(text) as {
    findings: { check: string; state: string; detail: string; remedy?: string }[];
  };
  return findings.find(({ check }) => check === "nft") ?? assert.fail(text);
}

Deno.test("doctor says that nft lacks /etc/protocols, and what it names mends it", async () => {
  const workspace = await Workspace.laid("bare", INFRA);
  await onMachine("dpkg --purge --force-depends netbase 2>/dev/null");
  const { state, detail, remedy } = await nftFinding(workspace, 1);
  assert.equal(state, "bad");
  assert.match(detail, /\/etc\/protocols is missing/);
  assert.equal(remedy, "apt install netbase");
  await onMachine("dpkg -i /srv/packages/netbase_*.deb");
  assert.notEqual((await nftFinding(workspace, 1)).state, "bad");
  await onMachine("rm -r /root/bare");
});

Deno.test("containers stand behind the wall, as network verify proves; nothing stays behind", async () => {
  const workspace = await Workspace.onHost("plain", INFRA);
  assert.equal(await onMachine("cat /sys/module/apparmor/parameters/enabled"), "Y\n");
  // Incus confines each with its own profile, and the kernel enforces it.
  const confined = await onMachine(
    "cat /proc/$(incus query /1.0/instances/left-a/state?project=left | jq .pid 2>/dev/null || " +
      "incus info --project left left-a | sed -n 's/^PID: //p')/attr/current",
  );
  assert.match(confined, /incus-left_left-a_<\/var\/lib\/incus>.*enforce/);
  assert.match(await workspace.anklume("check"), /as declared/);
  await workspace.anklume("network verify");
  await workspace.anklume("doctor");
  await workspace.destroy();
});

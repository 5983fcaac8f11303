/**
 * Virtual machines of Incus, in the emulated machine: one VM for all steps, as each of its boots takes minutes. `scripts/test vms`;
 * alone: `scripts/machine start --name x --vms --anklume --image`, then `ANKLUME_MACHINE=x deno test -A tests/machine/03_vm_test.ts`.
 */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../e2e/_lab.ts";
import { attempt, onMachine, start, Workspace } from "./_machine.ts";

/** Seconds for the boot of a processor that is emulated twice. */
const BOOT = 1800;

interface Vm {
  readonly name?: string;
  readonly memory?: string;
  readonly image?: string;
  readonly more?: string;
}

function infra({ name = "left-v", memory = "512MiB", image = "anklume-vm", more = "" }: Vm = {}) {
  return `
project_name: vms
global: { default_os_image: "local:anklume-test" }
domains:
  left:
    ephemeral: true
    internet: false
    machines:
      left-a: {}
      ${name}:
        type: vm
        image: "local:${image}"
        config: { limits.memory: ${memory}, security.secureboot: "false" }
        storage_volumes: { data: { size: 100MiB, path: /data } }
        roles: [greeting]
        ${name === "left-v" ? "" : "renamed_from: left-v"}
      ${more}
  right: { ephemeral: true, internet: false, machines: { right-a: {} } }
network_policies:
  - { from: ${name}, to: right-a, protocol: tcp, ports: [80], description: "for the test" }
`;
}

/** Which of its boots this is. */
async function bootId(workspace: Workspace, vm = "left-v"): Promise<string> {
  return await workspace.anklume(`exec ${vm} -- cat /proc/sys/kernel/random/boot_id`);
}

/** Until the agent answers and the guest has settled. */
async function awaitAgent(workspace: Workspace, vm = "left-v"): Promise<void> {
  await eventually(`the agent of ${vm}`, async () => {
    const { stdout } = await workspace.try(`exec ${vm} -- systemctl is-system-running`);
    if (/^(?:running|degraded)$/m.test(stdout)) return true;
    // The question itself costs the guest's boot three seconds of the one processor.
    await sleep(10_000);
    return false;
  }, BOOT);
}

/** Whether the VM reaches an address, asked from `source` where it is given. */
async function reaches(workspace: Workspace, address: string, source = ""): Promise<boolean> {
  const from = source === "" ? "" : `-I ${source}`;
  const { code } = await workspace.try(`exec left-v -- ping -q -c 3 -W 5 ${from} ${address}`);
  return code === 0;
}

Deno.test("a virtual machine lives among containers", async (t) => {
  await start({ vms: true });
  await onMachine("dpkg -i /srv/packages/netbase_*.deb; sysctl -qw net.ipv4.ip_forward=1");
  assert.match(await onMachine("incus info"), /driver: lxc \| qemu/);
  const workspace = await Workspace.laid("vms", infra());
  await onMachine(
    "mkdir -p vms/roles/greeting/tasks; cat >vms/roles/greeting/tasks/main.yml",
    `- name: Greet
  ansible.builtin.copy:
    content: "from {{ anklume_ip }}\\n"
    dest: /etc/greeting
    mode: "0644"
`,
  );

  await t.step("it is made from the image, started, and has its address", async () => {
    await workspace.anklume("apply --infra --yes");
    await awaitAgent(workspace);
    const address = await workspace.address("left-v");
    await eventually(
      "the address by DHCP",
      async () =>
        (await workspace.try("exec left-v -- ip -4 -br address")).stdout.includes(`${address}/`),
      120,
    );
    assert.equal((await workspace.anklume("exec left-v -- systemd-detect-virt")).trim(), "kvm");
    assert.equal((await workspace.anklume("exec left-v -- cat /etc/hostname")).trim(), "left-v");
    assert.match(await workspace.anklume("check"), /as declared/);
  });

  await t.step("network verify probes from within it and into it", async () => {
    const text = await workspace.anklume("network verify --json");
    const seen = JSON.parse(text) as { proven: boolean; faults: unknown[]; notRunning?: string[] };
    assert.deepEqual([seen.proven, seen.faults, seen.notRunning ?? []], [true, [], []], text);
  });

  await t.step("another's address and another's MAC lead nowhere", async () => {
    const neighbour = await workspace.address("left-a");
    const stolen = neighbour.replace(/\d+$/, "77");
    assert.ok(await reaches(workspace, neighbour), "it reaches its neighbour as itself");
    const nic = "$(basename /sys/class/net/en*)";
    const inVm = (script: string) => workspace.anklume(`exec left-v -- sh -c '${script}'`);
    await inVm(`ip address add ${stolen}/24 dev ${nic}`);
    assert.ok(!await reaches(workspace, neighbour, stolen), "with another's address");
    await inVm(`ip address del ${stolen}/24 dev ${nic}`);
    const hwaddr = (await inVm(`cat /sys/class/net/${nic}/address`)).trim();
    await inVm(`ip link set ${nic} address 02:00:00:00:00:77`);
    assert.ok(!await reaches(workspace, neighbour), "with another's MAC");
    await inVm(`ip link set ${nic} address ${hwaddr}`);
    await eventually("it reaches its neighbour again", () => reaches(workspace, neighbour), 60);
  });

  await t.step("exec passes input and status, and so does shell on a terminal", async () => {
    const piped = await attempt("cd vms; anklume exec left-v -- sh -c 'cat; exit 7'", "words\n");
    assert.deepEqual([piped.stdout, piped.code], ["words\n", 7], piped.stderr);
    const shell = await attempt(
      "cd vms; (sleep 20; echo 'echo sum-$((40+2))'; sleep 10; echo 'exit 3'; sleep 10) | " +
        "script -qec 'anklume shell left-v' /dev/null",
    );
    assert.equal(shell.code, 3, shell.stdout);
    assert.match(shell.stdout, /^sum-42/m);
  });

  await t.step("copy brings files in, out and to a container", async () => {
    await onMachine(
      "head -c 300000 /dev/urandom >vms/one; mkdir -p vms/tree/in; cp vms/one vms/tree/in/",
    );
    await workspace.anklume("copy one left-v:/root/one");
    await workspace.anklume("copy -r tree left-v:/root/tree");
    await workspace.anklume("copy left-v:/root/one left-a:/root/two");
    await workspace.anklume("copy left-a:/root/two two");
    await workspace.anklume("copy left-v:/root/tree/in/one three");
    await onMachine("cd vms; cmp one two; cmp one three");
  });

  await t.step("its volume is a directory", async () => {
    await workspace.anklume("exec left-v -- sh -c 'echo kept >/data/note; sync'");
    const volume = await onMachine(
      "cat /var/lib/incus/storage-pools/default/custom/left_left-v-data/note",
    );
    assert.equal(volume, "kept\n");
  });

  await t.step("less memory is given while it runs, more needs a restart", async () => {
    const before = await bootId(workspace);
    await workspace.lay(infra({ memory: "448MiB" }));
    assert.doesNotMatch(await workspace.anklume("check"), /restart/);
    await workspace.anklume("apply --infra --yes");
    assert.equal(await bootId(workspace), before);
    await workspace.lay(infra());
    assert.match(await workspace.anklume("check"), /restart/);
    await workspace.lay(infra({ memory: "448MiB" }));
  });

  await t.step("it is provisioned through its agent", async () => {
    await workspace.anklume("apply --provision --yes");
    const greeting = await workspace.anklume("exec left-v -- cat /etc/greeting");
    assert.equal(greeting, `from ${await workspace.address("left-v")}\n`);
  });

  await t.step("its console is its serial line", async () => {
    const seen = await attempt(
      "(sleep 5; echo; sleep 20; printf '\\001q') | timeout -k 5 60 " +
        "script -qec 'incus console --project left left-v' /dev/null",
    );
    assert.match(seen.stdout, /login:/);
  });

  await t.step("a snapshot goes back, its volume with it", async () => {
    await workspace.anklume("snapshot create before -m left-v");
    await workspace.anklume(
      "exec left-v -- sh -c 'echo after >/root/after; echo after >/data/note; sync'",
    );
    await workspace.anklume("snapshot restore before -m left-v --yes");
    await awaitAgent(workspace);
    const found = await workspace.anklume("exec left-v -- sh -c 'ls /root; cat /data/note'");
    assert.doesNotMatch(found, /after/);
    assert.match(found, /kept/);
  });

  await t.step("stop, start and restart are boots", async () => {
    await workspace.anklume("stop left-v");
    assert.match(await workspace.anklume("check"), /stopped/);
    await workspace.anklume("start left-v");
    await awaitAgent(workspace);
    const before = await bootId(workspace);
    await workspace.anklume("restart left-v");
    await awaitAgent(workspace);
    assert.notEqual(await bootId(workspace), before);
  });

  await t.step("another name is a move: disk and volume stay", async () => {
    await workspace.lay(infra({ name: "left-w", memory: "448MiB" }));
    await workspace.anklume("apply --infra --yes");
    await awaitAgent(workspace, "left-w");
    const found = await workspace.anklume("exec left-w -- cat /etc/greeting /data/note");
    assert.match(found, /^from .*\nkept$/m);
  });

  await t.step(
    "another image is another disk, though there are snapshots, and the volume stays",
    async () => {
      await onMachine(
        "incus image alias create anklume-vm2 $(incus image list -f csv -c f anklume-vm)",
      );
      await workspace.lay(infra({ name: "left-w", memory: "448MiB", image: "anklume-vm2" }));
      await workspace.anklume("apply --infra --yes");
      await awaitAgent(workspace, "left-w");
      const found = await workspace.anklume(
        "exec left-w -- sh -c 'ls /etc/greeting; cat /data/note'",
      );
      assert.match(found, /No such file/);
      assert.match(found, /kept/);
    },
  );

  await t.step("a QEMU that does not start says why before all else", async () => {
    const more =
      `left-x: { type: vm, image: "local:anklume-vm", config: { limits.memory: 900TiB } }`;
    await workspace.lay(infra({ name: "left-w", memory: "448MiB", image: "anklume-vm2", more }));
    const text = await workspace.anklume("apply --infra --yes", 1);
    // It had gone into the background: its words are in its log only.
    assert.match(text, /answered 400: qemu-system-x86_64: .*memory/);
    assert.doesNotMatch(text, /Failed to run|-no-user-config/);
  });

  await workspace.destroy();
});

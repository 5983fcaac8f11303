/**
 * `anklume host install` under the host's own systemd, and a member of `incus-admin` who is not root. `scripts/test machine`; with a
 * stand-in for path units, or a container as the host: e2e/11_*.
 */
import assert from "node:assert/strict";
import { eventually } from "../e2e/_lab.ts";
import { attempt, machine, onMachine, Workspace } from "./_machine.ts";
import { inContainer, journal, liveRules, settled } from "./_traffic.ts";

const INFRA = `
project_name: tower
global: { default_os_image: "local:anklume-test" }
domains:
  control: { ephemeral: true, trust_level: admin, machines: { admin-ws: { roles: [admin] } } }
  left: { ephemeral: true, machines: { left-a: {} } }
`;
const POLICY = `network_policies:
  - { from: control, to: left, protocol: tcp, ports: [8443], description: "from inside" }
`;

const PLACE = "/root/tower/.anklume/host/requests";
const UNIT = "anklume-handover-tower";

async function standing(): Promise<Workspace> {
  const workspace = await Workspace.onHost("tower", INFRA);
  await settled("control", "admin-ws");
  return workspace;
}

/** Runs `anklume ARGS` in the admin container, as a person at its prompt would. */
async function inside(args: string): Promise<{ code: number; said: string }> {
  const text = await inContainer(
    "control",
    "admin-ws",
    `cd /workspace; anklume ${args} 2>&1 </dev/null; echo "exit $?"`,
  );
  const found = /^exit (\d+)\n$/m.exec(text) ?? assert.fail(text);
  return { code: Number(found[1]), said: text.slice(0, found.index) };
}

const systemd = async (words: string) => (await attempt(`systemctl ${words}`)).stdout.trim();

Deno.test("the host loads what its admin container hands over, by real path units", async (t) => {
  const workspace = await standing();
  await t.step("without them the container is told that nobody listens", async () => {
    assert.match(await workspace.anklume("host status", 1), /does not listen/);
    const { code, said } = await inside("network deploy");
    assert.equal(code, 1, said);
    assert.match(said, /host install/);
  });

  await t.step("installed, they are enabled, active and what systemd calls right", async () => {
    await workspace.anklume("host install");
    assert.match(await workspace.anklume("host status"), /^listens/);
    assert.equal(await systemd(`is-enabled ${UNIT}.path`), "enabled");
    assert.equal(await systemd(`is-active ${UNIT}.path`), "active");
    const verified = await attempt(`systemd-analyze verify ${UNIT}.path ${UNIT}.service`);
    assert.deepEqual([verified.code, verified.stdout + verified.stderr], [0, ""]);
  });

  await t.step(
    "a policy that is written and applied in the container is in the kernel",
    async () => {
      assert.doesNotMatch(await liveRules("tower"), /8443/);
      await onMachine("cat >>/root/tower/infra.yml", POLICY);
      const { code, said } = await inside("apply --infra --yes");
      assert.equal(code, 0, said);
      assert.match(await liveRules("tower"), /8443/);
      assert.match(await journal(UNIT), /^load: done$/m);
      // The same from the host, which reads the kernel itself.
      assert.match(await workspace.anklume("check"), /as declared/);
    },
  );

  await t.step("what is no request of ours is removed, and loads nothing", async () => {
    const rules = await liveRules("tower");
    const tables = await onMachine("nft list tables");
    await onMachine(`
      mkfifo ${PLACE}/pipe; ln -s /etc/shadow ${PLACE}/link; mkdir ${PLACE}/directory
      echo 'table inet theirs { }' >${PLACE}/theirs.nft
      name=$(cat /proc/sys/kernel/random/uuid).json
      printf '{"format":1,"action":"load","ruleset":"table inet theirs { }"}' >${PLACE}/.$name
      mv ${PLACE}/.$name ${PLACE}/$name`);
    await eventually("the place is empty", async () => {
      return (await onMachine(`ls -A ${PLACE}`)) === "";
    }, 60);
    await eventually("the refusal is in the journal", async () => {
      return /^load: refused: .*what is rendered/m.test(await journal(UNIT));
    }, 60);
    assert.equal(await liveRules("tower"), rules);
    assert.equal(await onMachine("nft list tables"), tables);
    assert.equal(await onMachine("stat -c %a:%U /etc/shadow"), "640:root\n");
  });

  await t.step("a hundred of them one after the other do not end the unit", async () => {
    await onMachine(`for i in $(seq 100); do
      name=$(cat /proc/sys/kernel/random/uuid).json
      echo nonsense >${PLACE}/.$name; mv ${PLACE}/.$name ${PLACE}/$name; sleep 0.05; done`);
    await eventually("they are gone", async () => {
      return (await onMachine(`ls -A ${PLACE}`)) === "";
    }, 120);
    assert.equal(await systemd(`is-active ${UNIT}.path`), "active");
    const { code, said } = await inside("network deploy");
    assert.equal(code, 0, said);
  });

  await t.step("after a reboot it listens", async () => {
    await machine("reboot");
    await settled("control", "admin-ws");
    assert.match(await workspace.anklume("host status"), /^listens/);
    const { code, said } = await inside("network deploy");
    assert.equal(code, 0, said);
  });

  await t.step("uninstalled, nothing of it is left, and nobody answers", async () => {
    await workspace.anklume("host uninstall");
    assert.equal(await systemd(`list-unit-files --no-legend '${UNIT}*'`), "");
    assert.equal(await systemd(`list-units --all --no-legend '${UNIT}*'`), "");
    assert.equal(
      await onMachine(
        "find /etc /run/systemd -name '*handover*'; ls -d /root/tower/.anklume/host 2>/dev/null || :",
      ),
      "",
    );
    const { code, said } = await inside("network deploy");
    assert.equal(code, 1, said);
    assert.match(said, /host install/);
  });
});

Deno.test("a member of incus-admin looks and uses, and is refused what takes root", async (t) => {
  await standing();
  await onMachine(`
    id member >/dev/null 2>&1 || useradd --create-home --shell /bin/bash --groups incus-admin member
    id stranger >/dev/null 2>&1 || useradd --create-home --shell /bin/bash stranger
    cp -r /root/tower/. /home/member/lab; chown -R member: /home/member/lab; chmod 755 /home/member /home/member/lab`);
  const as = (user: string, args: string) =>
    attempt(`exec su - ${user} -c "cd /home/member/lab && exec anklume ${args}"`);
  try {
    await t.step("what asks Incus alone works", async () => {
      for (
        const [args, said] of [
          ["validate", /./],
          ["check", /./],
          ["status", /needs root/],
          ["snapshot create one", /one/],
          ["snapshot list", /one/],
          ["snapshot delete one --yes", /./],
          ["exec left-a -- id -un", /^root$/m],
          ["copy infra.yml left-a:/root/", /^/],
          ["snapshot create two", /two/],
          ["sync", /./],
          ["network verify", /the host's side was not checked: that needs root/],
          ["stop left-a", /left-a/],
        ] as const
      ) {
        const { code, stdout, stderr } = await as("member", args);
        assert.equal(code, 0, `anklume ${args}\n${stdout}${stderr}`);
        assert.match(stdout + stderr, said, args);
      }
    });

    await t.step(
      "what loads or reads the firewall is refused with a sentence, and nothing done",
      async () => {
        const rules = await liveRules("tower");
        for (
          const args of [
            ...["apply --infra --yes", "start left-a", "restart left-a", "destroy --yes --force"],
            ...["snapshot restore two --yes", "network deploy", "network rules --diff"],
            ...["network why control left 22", "host install"],
          ]
        ) {
          const { code, stdout, stderr } = await as("member", args);
          const shown = `anklume ${args}\n${stdout}${stderr}`;
          assert.equal(code, 1, shown);
          assert.match(stderr.replaceAll(/\s+/g, " "), /\broot\b/, shown);
          assert.doesNotMatch(stderr, /^\s+at /m, shown);
        }
        assert.equal(await liveRules("tower"), rules);
        assert.match(
          await onMachine("incus list --project left --format csv -c ns"),
          /^left-a,STOPPED$/m,
        );
        assert.equal(await onMachine("ls /etc/anklume | grep handover || :"), "");
      },
    );

    await t.step("who is not of the group is told which one it is", async () => {
      const { code, stderr } = await as("stranger", "check");
      assert.equal(code, 1, stderr);
      assert.match(stderr.replaceAll(/\s+/g, " "), /permission denied.*incus-admin/);
    });
  } finally {
    await onMachine(
      "userdel --remove member 2>/dev/null || :; userdel --remove stranger 2>/dev/null || :",
    );
  }
});

Deno.test("at the end nothing stays behind", async () => {
  await (await standing()).destroy();
});

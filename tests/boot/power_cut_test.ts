/**
 * Cuts the power of a host and checks its state after the boot. Runs outside the private hosts, as
 * it starts its own and cuts its power. `scripts/test boot`.
 */
import { setTimeout as sleep } from "node:timers/promises";
import assert from "node:assert/strict";
import { COUNTERS, FIRST_PACKET } from "../_first_packet.ts";

const REPOSITORY = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");
const TESTBED = `boot-${Deno.pid}`;

/**
 * left-b gets its address by DHCP; left-a sets it at once, and sends from the first possible
 * moment.
 */
const INFRA = `
project_name: rebooted
global: { default_os_image: "local:anklume-test" }
domains:
  left:
    ephemeral: true
    internet: false
    machines: { left-a: { boot_autostart: true } }
  right:
    ephemeral: true
    machines: { right-a: { boot_autostart: true } }
  control:
    ephemeral: true
    trust_level: admin
    machines: { admin-ws: { boot_autostart: true, roles: [admin] } }
`;

async function run(argv: readonly string[], stdin = ""): Promise<{ code: number; text: string }> {
  const child = new Deno.Command(argv[0]!, {
    args: argv.slice(1),
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(stdin));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  return { code, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
}

async function must(argv: readonly string[], stdin = ""): Promise<string> {
  const { code, text } = await run(argv, stdin);
  assert.equal(code, 0, `${argv.join(" ")}\n${text}`);
  return text;
}

const testbed = (command: string, ...args: string[]) =>
  must([`${REPOSITORY}/scripts/testbed`, command, "--name", TESTBED, ...args]);
const onHost = (command: string, stdin = "") =>
  must(
    [`${REPOSITORY}/scripts/testbed`, "run", "--name", TESTBED, "--", "bash", "-ec", command],
    stdin,
  );
const powerCut = () => testbed("restart", "--hard");

async function counted(): Promise<{ sent: number; passed: number }> {
  const listing = await onHost("nft list counters table inet anklume_counters");
  const of = (name: string) =>
    Number(new RegExp(`counter ${name} \\{\\s*packets (\\d+)`).exec(listing)?.[1]);
  return { sent: of("sent"), passed: of("passed") };
}

/** Waits until the attacker has sent several hundred packets. */
async function attacked(): Promise<{ sent: number; passed: number }> {
  for (let attempt = 0; attempt < 150; attempt++) {
    const now = await counted();
    if (now.sent > 500) return now;
    await sleep(200);
  }
  assert.fail(`the attacker sent nothing: ${await onHost("incus list --all-projects")}`);
}

Deno.test("after a power cut the first packet that a machine can send is filtered; with a unit that fails nothing starts", async (t) => {
  const dir = await Deno.makeTempDir({ prefix: "anklume-boot-" });
  const anklume = (args: string) => onHost(`cd ${dir}; ${REPOSITORY}/anklume ${args}`);
  try {
    await testbed("start", "--image", "--until-pid", String(Deno.pid));
    await Deno.writeTextFile(`${dir}/infra.yml`, INFRA);
    await anklume("apply --infra --yes");
    await anklume("host install");
    const lock = await Deno.readTextFile(`${dir}/infra.lock.yml`);
    const [left, right] = ["left-a", "right-a"].map((name) =>
      new RegExp(`${name}:[^}]*?(10\\.\\d+\\.\\d+\\.\\d+)`).exec(lock)?.[1] ?? assert.fail(lock)
    ) as [string, string];
    const unit = FIRST_PACKET.replace("ADDRESS", left).replace("TARGET", right)
      .replace("GATEWAY", left.replace(/\d+$/, "254"));
    const path = "/etc/systemd/system/first.service";
    await onHost(`incus exec --project left left-a -- sh -c 'cat > ${path}'`, unit);
    await onHost("incus exec --project left left-a -- systemctl -q --root=/ enable first.service");
    await onHost("cat > /etc/anklume/counters.nft", COUNTERS);

    await t.step("its rules stand before its machines", async () => {
      await powerCut();
      const { sent, passed } = await attacked();
      assert.equal(passed, 0, `${passed} of ${sent} packets passed`);
      // Incus has made the bridges again.
      const learns = "cat /sys/class/net/net-*/bridge/no_linklocal_learn";
      assert.match(await onHost(learns), /^(1\n)+$/);
      // Its role was never run: only that is left to do.
      assert.match(
        await anklume("check"),
        /^rebooted: \d+ resources as declared\.\n\nto provision: 1/,
      );
      await anklume("network verify");
    });

    await t.step("the admin container is back, and its host listens", async () => {
      const inside = (args: string) =>
        onHost(`incus exec --project control admin-ws -- env -C /workspace anklume ${args}`);
      assert.match(await inside("status"), /Firewall\s+loaded, as rendered/);
      await inside("apply --infra");
    });

    await t.step("the attack works where the rules are missing", async () => {
      await onHost("mv /etc/anklume/rebooted.nft /etc/anklume/rebooted.away");
      await powerCut();
      const { passed } = await attacked();
      assert.ok(passed > 100, `${passed} packets passed`);
      assert.match(await anklume("status"), /NOT LOADED/);
      await onHost("mv /etc/anklume/rebooted.away /etc/anklume/rebooted.nft");
    });

    await t.step(
      "nothing starts when the rules cannot be loaded, and the others' are loaded",
      async () => {
        await onHost("echo 'table inet anklume_broken { nonsense' > /etc/anklume/broken.nft");
        await powerCut();
        const { code } = await run([
          ...[`${REPOSITORY}/scripts/testbed`, "run", "--name", TESTBED, "--"],
          ...["timeout", "10", "incus", "list"],
        ]);
        assert.notEqual(code, 0, "Incus runs");
        assert.equal((await counted()).sent, 0);
        assert.match(await onHost("nft list tables"), /table inet anklume_rebooted\n/);
        await onHost("rm /etc/anklume/broken.nft");
      },
    );

    await t.step("mended, it comes back as it was", async () => {
      await powerCut();
      const { passed } = await attacked();
      assert.equal(passed, 0);
      // The test's own file.
      await onHost("rm /etc/anklume/counters.nft");
      await anklume("host uninstall");
      await anklume("destroy --force --yes");
      assert.equal(
        await onHost("ls -A /etc/anklume; find /etc/systemd/system -name '*anklume*'"),
        "",
      );
    });
  } finally {
    await testbed("stop");
    await Deno.remove(dir, { recursive: true });
  }
});

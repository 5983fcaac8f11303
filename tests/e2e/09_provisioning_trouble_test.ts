import assert from "node:assert/strict";
import { eventually, IMAGE, inMachine, Lab, liveInstances, must, run } from "./_lab.ts";

const INFRA = `project_name: trouble
global: { default_os_image: "${IMAGE}" }
domains:
  pro:
    internet: false
    ephemeral: true
    machines:
      pro-a: { roles: [slow] }
      pro-b: { roles: [slow] }
`;

const role = (seconds: number) =>
  `---
- name: Take one's time
  ansible.builtin.command: sleep ${seconds}
  changed_when: false
`;

const marks = async () =>
  Object.fromEntries(
    (await liveInstances()).map(({ name, config }) => [
      name,
      config["user.anklume.provisioned"] !== undefined,
    ]),
  );

/** Returns our programs on the host, by command line. */
async function running(pattern: RegExp): Promise<string[]> {
  const { stdout } = await run(["ps", "-eo", "args", "--no-headers", "-ww"]);
  return stdout.split("\n").filter((line) => pattern.test(line));
}

async function put(lab: Lab, path: string, text: string): Promise<void> {
  await Deno.mkdir(`${lab.dir}/${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
  await lab.write(path, text);
}

async function append(lab: Lab, path: string, text: string): Promise<void> {
  await lab.write(path, await lab.read(path) + text);
}

Deno.test("provisioning in trouble: interrupted, machines that are not ready, Ansible that is not fit", async (t) => {
  await using lab = await Lab.create(INFRA);
  await put(lab, "roles/slow/tasks/main.yml", role(600));
  await lab.anklume(["apply", "--infra"]);

  await t.step(
    "Ctrl-C in the middle of a playbook marks nobody and leaves nothing running",
    async () => {
      // In its own process group, which a terminal's Ctrl-C would signal as a whole.
      const child = lab.spawn(["apply"], "null", true);
      let said = "";
      const reading = (async () => {
        for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) said += text;
      })();
      const ending = child.stderr.pipeTo(new WritableStream());
      await eventually(
        "the slow task",
        () => Promise.resolve(said.includes("Take one's time")),
        90,
      );
      await eventually(
        "sleep runs",
        async () => (await inMachine("pro", "pro-b", "pgrep", "-x", "sleep")).code === 0,
        30,
      );
      await must(["kill", "-INT", "--", `-${child.pid}`]);
      const { code } = await child.status;
      await Promise.all([reading, ending]);
      assert.equal(code, 130, said);
      assert.match(said, /Provisioning was interrupted/);
      assert.deepEqual(await marks(), { "pro-a": false, "pro-b": false });
      assert.deepEqual(await running(/ansible-playbook|incus exec .*pro-/), []);
      assert.equal((await run(["ls", `${lab.dir}/.anklume/results.jsonl`])).code, 2);
    },
  );

  await t.step("the second run is clean", async () => {
    await put(lab, "roles/slow/tasks/main.yml", role(0));
    const { stdout } = await lab.anklume(["apply"]);
    assert.match(stdout, /Provisioned: 2 machines/);
    assert.deepEqual(await marks(), { "pro-a": true, "pro-b": true });
  });

  await t.step(
    "a machine whose network is down, one that is degraded, images without Python",
    async () => {
      await lab.write(
        "infra.yml",
        `${INFRA}      pro-bare: { image: "local:anklume-nopython", roles: [slow] }
  web:
    internet: true
    ephemeral: true
    machines: { web-bare: { image: "local:anklume-nopython", roles: [slow] } }
`,
      );
      await lab.anklume(["apply", "--infra"]);
      await inMachine("pro", "pro-a", "ip", "link", "set", "eth0", "down");
      await append(lab, "host_vars/pro-a.yml", "anklume_ready_seconds: 2\n");
      await inMachine("pro", "pro-b", "systemd-run", "--unit=broken", "--quiet", "false");
      await eventually("a unit that failed", async () =>
        /degraded/.test(
          (await inMachine("pro", "pro-b", "systemctl", "is-system-running")).stdout,
        ));
      await put(lab, "roles/slow/tasks/main.yml", `${role(0)}# changed\n`);
      const { stdout } = await lab.anklume(["apply"], 1);
      const report = stdout.slice(stdout.indexOf("\nMACHINE ")).replace(/\n +/g, " ");
      assert.match(
        report,
        /pro-a, in Wait until .* anklume-down: no IPv4 address on eth0 after 2 seconds/,
      );
      assert.match(report, /pro-b runs, but systemd says degraded: broken\.service failed/);
      assert.match(report, /pro-bare was made from the image local:anklume-nopython, which has no/);
      assert.match(report, /Provisioning failed: pro-a, pro-bare\./);
      assert.deepEqual(await marks(), {
        "pro-a": true, // from before; its digest has changed since
        "pro-b": true,
        "pro-bare": false,
        "web-bare": true,
      });
      assert.equal((await inMachine("web", "web-bare", "python3", "-c", "import json")).code, 0);
      const { stdout: plan } = await lab.anklume(["check"]);
      assert.match(plan, /to provision: 2 machines/);
    },
  );

  await t.step("an Ansible that is missing or too old is named, with how to get one", async () => {
    const bin = `${lab.dir}/old`;
    await put(
      lab,
      "old/ansible-playbook",
      "#!/bin/sh\n[ \"$1\" = --version ] || exit 2\necho 'ansible-playbook [core 2.14.3]'\n",
    );
    await Deno.chmod(`${bin}/ansible-playbook`, 0o755);
    const system = "/usr/sbin:/usr/bin:/sbin:/bin";
    const old = await lab.anklume(["apply"], 1, { PATH: `${bin}:${system}` });
    assert.match(old.stderr, /ANSIBLE_OLD.*Ansible 2\.14\.3 is older than\s+2\.16/s);
    const missing = await lab.anklume(["apply"], 1, { PATH: system });
    assert.match(
      missing.stderr,
      /ANSIBLE_MISSING.*ansible-playbook\s+is\s+not\s+installed.*apt\s+install\s+ansible/s,
    );
    await lab.anklume(["apply", "--infra"], 0, { PATH: system });
  });
});

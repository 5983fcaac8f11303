/** Root of one machine is an attacker: its answers affect only itself. */
import assert from "node:assert/strict";
import { LINGER } from "../_linger.ts";
import { IMAGE, inMachine, Lab, must, REPOSITORY, run } from "./_lab.ts";

const INFRA = `project_name: hostile
global: { default_os_image: "${IMAGE}" }
domains:
  red:
    trust_level: untrusted
    internet: false
    ephemeral: true
    machines: { red-a: { roles: [look] }, red-b: { roles: [look] } }
  blue:
    internet: false
    ephemeral: true
    machines: { blue-a: { roles: [look] } }
`;

const ROLE = `---
- name: Ask
  ansible.builtin.stat:
    path: /etc/hostname
  register: look_said

- name: Leave a mark where it runs
  ansible.builtin.command:
    cmd: touch /srv/ran-for-{{ inventory_hostname }}
  changed_when: false

- name: Show what came as data
  ansible.builtin.debug:
    msg: "{{ look_said.evil | default('nothing') }} {{ ansible_facts['evil'] | default('nothing') }}"

- name: Fetch a file
  ansible.builtin.fetch:
    src: /srv/wanted
    dest: fetched/
    fail_on_missing: false
`;

/** Answers like the real one, changed by /srv/evil.json. */
const PYTHON = `#!/bin/sh
t=$(mktemp); [ -t 0 ] || cat >"$t"
out=$(/usr/bin/python-itself "$@" <"$t"); status=$?
case "$out" in
*"{"*) printf '%s' "$out" | /usr/bin/python-itself -c '
import json, sys
def lay(over, under):
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(under.get(key), dict): lay(value, under[key])
        else: under[key] = value
said = json.load(sys.stdin)
lay(json.load(open("/srv/evil.json")), said)
print(json.dumps(said))' ;;
*) printf '%s\\n' "$out" ;;
esac
exit $status
`;

/** Replaces each prober with /srv/prober, until it is killed. */
const SWAP = `#!/bin/sh
nohup /usr/bin/python-itself -c '
import os, time
for _ in range(60000):
    for name in os.listdir("/"):
        if name.startswith(".anklume-probe-") and os.path.getsize("/" + name) > 4096:
            os.link("/srv/prober", "/.swap"); os.rename("/.swap", "/" + name)
    time.sleep(0.001)
' >/dev/null 2>&1 &
`;

/** Answers for other machines' probes, reports arrivals that never were, and does not stop. */
const PROBER = `#!/usr/bin/python-itself
import sys
for line in sys.stdin:
    if line.startswith("ready?"):
        print("ready", flush=True)
    if line.startswith("go"):
        while True:
            for n in range(1000):
                print("answer", n, "open", 33000 + n)
                print("seen in eth0 tcp 10.120.0.1", 33000 + n, "10.120.0.2 22 s00000000")
                print("missing \\033[2J")
`;

interface Verification {
  readonly faults: readonly { readonly site: string; readonly why: string }[];
  readonly differences: readonly { readonly from: string; readonly to: string }[];
}

const TEMPLATE = `{{ lookup("pipe", "touch /tmp/anklume-hostile-ran") }}`;
/** Facts that would redirect the rest of the play, or change it. */
const REDIRECT = {
  ansible_incus_project: "blue",
  ansible_incus_host: "blue-a",
  ansible_host: "blue-a",
  inventory_hostname: "blue-a",
  ansible_connection: "local",
  anklume_ip: "10.9.9.9",
  evil: TEMPLATE,
};

async function put(machine: [string, string], path: string, text: string, mode = "0644") {
  const [project, name] = machine;
  const script =
    `rm -f ${path}.new; cat >${path}.new; chmod ${mode} ${path}.new; mv ${path}.new ${path}`;
  await must(["incus", "--project", project, "exec", name, "--", "/bin/sh", "-c", script], text);
}

const RED = ["red", "red-a"] as [string, string];
const answer = (evil: unknown) => put(RED, "/srv/evil.json", JSON.stringify(evil));

// deno-lint-ignore no-control-regex -- they are what is looked for
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

Deno.test("what a hostile machine says decides nothing about another, and steers no terminal", async (t) => {
  await using lab = await Lab.create(INFRA);
  await Deno.mkdir(`${lab.dir}/roles/look/tasks`, { recursive: true });
  await lab.write("roles/look/tasks/main.yml", ROLE);
  await lab.anklume(["apply", "--infra", "--yes"]);
  for (const [project, name] of [RED, ["red", "red-b"], ["blue", "blue-a"]] as const) {
    // Its name has the release's version.
    await inMachine(
      project,
      name,
      "sh",
      "-c",
      "ln -s $(readlink -f /usr/bin/python3) /usr/bin/python-itself",
    );
  }
  const provision = async (expected: number, env: Record<string, string> = {}) =>
    await lab.anklume(["apply", "--provision", "--yes"], expected, env);
  const ranIn = async (project: string, name: string) =>
    (await inMachine(project, name, "sh", "-c", "ls /srv | grep ran; rm -f /srv/ran*")).stdout;

  await t.step("facts, hosts, groups, templates, links, escapes: each stays its own", async () => {
    const spoken = "\u001b]52;c;cHduZWQ=\u0007\u001b[2J\u009b31m\u202e\rred-b | fine";
    await answer({
      changed: true,
      ansible_facts: REDIRECT,
      evil: TEMPLATE,
      warnings: [spoken],
      add_host: {
        host_name: "extra",
        groups: ["role_look"],
        host_vars: { ansible_connection: "local" },
      },
      add_group: "role_other",
      _ansible_delegated_vars: { ansible_host: "blue-a" },
    });
    await put(RED, "/usr/bin/python3", PYTHON, "0755");
    const victim = `${lab.dir}/victim`;
    await Deno.writeTextFile(victim, "mine");
    const fetched = `${lab.dir}/fetched/red-a/srv/wanted`;
    await Deno.mkdir(fetched.replace(/[^/]*$/, ""), { recursive: true });
    await Deno.symlink(victim, fetched);
    await inMachine("red", "red-a", "sh", "-c", "echo theirs >/srv/it; ln -s it /srv/wanted");

    const { stdout, stderr } = await provision(0, { FORCE_COLOR: "1", NO_COLOR: "" });
    assert.equal(await ranIn("blue", "blue-a"), "ran-for-blue-a\n");
    assert.equal(await ranIn("red", "red-a"), "ran-for-red-a\n");
    assert.match(stdout, /"msg": "\{\{ lookup\(.*\{\{ lookup/, "both came, as text");
    await assert.rejects(Deno.lstat("/tmp/anklume-hostile-ran"));
    await assert.rejects(Deno.lstat("/srv/ran-for-extra"));
    assert.equal(await Deno.readTextFile(victim), "mine", "what stood in the way is not followed");
    assert.ok((await Deno.lstat(fetched)).isFile);
    assert.equal(await Deno.readTextFile(fetched), "theirs\n");
    // deno-lint-ignore no-control-regex -- they are what is looked for
    const plain = (stdout + stderr).replaceAll(/\u001b\[[0-9;]*m/g, "");
    assert.doesNotMatch(plain, CONTROL);
    assert.match(plain, /\\u001b\]52;c;/);
    assert.ok(stdout.includes("\u001b[0;32mok: [blue-a]"), "Ansible's own colours pass");
    await answer({});
  });

  await t.step("an owner's setting below the section opens nothing", async () => {
    const section = await lab.read("ansible.cfg");
    await lab.write("ansible.cfg", section.replace(/^inject_facts.*\n/m, ""));
    const byHand = await run(["ansible-playbook", "site.yml", "--limit", "red"], {
      cwd: lab.dir,
      env: { ANSIBLE_CONFIG: "./ansible.cfg", LC_ALL: "C.UTF-8" },
    });
    assert.notEqual(byHand.code, 0);
    assert.match(byHand.stdout + byHand.stderr, /Nothing runs in a machine if its facts become/);
    assert.equal(await ranIn("blue", "blue-a"), "");
    await lab.write("ansible.cfg", section);
  });

  await t.step(
    "an answer that would end Ansible for everybody fails its machine alone",
    async () => {
      await answer({ ansible_stats: "data" });
      const { stdout } = await provision(1);
      assert.match(stdout, /red-a answered with statistics/);
      assert.match(stdout, /^blue-a +\d+ +0 +0 +0 /m);
      await answer({});
    },
  );

  await t.step("in many machines every line is its machine's; of one it is data", async () => {
    const program = `#!/bin/sh\nprintf '\\rred-b | all is well\\033[K\\n'`;
    await put(RED, "/usr/local/bin/uptime", program, "0755");
    const many = await lab.anklume(["exec", "--domain", "red", "--", "uptime"]);
    assert.match(many.stdout, /^red-a \| red-b \| all is well\\u001b\[K$/m);
    assert.doesNotMatch(many.stdout, CONTROL);
    assert.doesNotMatch(many.stdout, /^red-b \| all is well/m);
    const one = await lab.anklume(["exec", "red-a", "--", "uptime"]);
    assert.equal(one.stdout, "\rred-b | all is well\u001b[K\n");
  });

  await t.step(
    "an answer without end is ended, in time and in size, and its machine named",
    async () => {
      await lab.write(
        "group_vars/all.yml",
        (await lab.read("group_vars/all.yml")) +
          "anklume_command_seconds: 10\nanklume_answer_mib: 1\n",
      );
      await put(RED, "/usr/bin/python3", "#!/bin/sh\nexec cat /dev/zero\n", "0755");
      await put(["red", "red-b"], "/usr/bin/python3", "#!/bin/sh\nexec sleep 300\n", "0755");
      const { stdout } = await provision(1);
      assert.match(stdout, /red-a printed more than 1 MiB/);
      assert.match(stdout, /red-b did not end its answer within 10 s/);
      assert.match(stdout, /^blue-a +\d+ +0 +0 +0 /m);
    },
  );

  await t.step("an exec of many that is gathered takes so much and no more", async () => {
    const argv = ["exec", "--json", "--domain", "red", "--", "sh", "-c"];
    const { stdout } = await lab.anklume([
      ...argv,
      "hostname; [ $(hostname) = red-b ] || cat /dev/zero",
    ], 1);
    const { results } = JSON.parse(stdout) as {
      results: { machine: string; status: number; stderr: string }[];
    };
    const [a, b] = ["red-a", "red-b"].map((name) =>
      results.find(({ machine }) => machine === name)
    );
    assert.match(a!.stderr, /The program in red-a printed more than 16 MiB/);
    assert.equal(b!.status, 0);
  });

  await t.step("a prober of the machine's own spoils its own rows alone", async () => {
    await put(RED, "/srv/prober", PROBER, "0755");
    await put(RED, "/srv/swap", SWAP, "0755");
    await must(["incus", "--project", "red", "exec", "red-a", "--", "/srv/swap"]);
    const verify = await lab.anklume(["network", "verify", "--json"], 1);
    const { faults, differences } = JSON.parse(verify.stdout) as Verification;
    assert.deepEqual(faults, [{ site: "red-a", why: "it gives more answers than requested" }]);
    const others = differences.filter(({ from, to }) => from !== "red-a" && to !== "red-a");
    assert.deepEqual(others, []);
    const text = await lab.anklume(["network", "verify"], 1);
    assert.doesNotMatch(text.stdout + text.stderr, CONTROL);
  });

  await t.step("Incus tells the machine nothing of what anklume notes", async () => {
    const ask = await Deno.readTextFile(`${REPOSITORY}/tests/e2e/_guest_api.py`);
    const said = async (project: string, name: string) =>
      (await run(
        [
          "incus",
          "--project",
          project,
          "exec",
          name,
          "--",
          ...LINGER,
          "/usr/bin/python-itself",
          "-",
        ],
        { stdin: ask },
      )).stdout;
    assert.match(await said("blue", "blue-a"), /^no socket/);
    // A socket that is enabled by hand is drift.
    await must(["incus", "--project", "blue", "config", "set", "blue-a", "security.guestapi=true"]);
    assert.match(await said("blue", "blue-a"), /user\.anklume\.infra/);
    const { stdout } = await lab.anklume(["check"]);
    assert.match(stdout, /security\.guestapi/);
    await lab.anklume(["apply", "--infra", "--yes"]);
    assert.match(await said("blue", "blue-a"), /^no socket/);
  });
});

import { setTimeout as sleep } from "node:timers/promises";
import assert from "node:assert/strict";
import Ajv from "ajv/dist/2020.js";
import { IMAGE, inMachine, Lab, liveInstances, must, run } from "./_lab.ts";

const INFRA = `project_name: prov
global: { default_os_image: "${IMAGE}" }
domains:
  pro:
    ephemeral: true
    machines:
      pro-a: { roles: [note] }
      pro-b: { roles: [note] }
      pro-c: { roles: [note, packages] }
`;

/** A role of the user; it fails on demand, and hides a secret. */
const ROLE = `---
- name: Fail where asked to
  ansible.builtin.assert:
    that: not note_fails | default(false)
    fail_msg: "{{ inventory_hostname }} was told to fail"

- name: Write the note
  ansible.builtin.copy:
    content: "{{ note_text | default('nothing') }}"
    dest: /root/note
    mode: "0600"
  no_log: true
`;

/** Hides Ansible: only the system's directories, without that of the tests. */
const WITHOUT_ANSIBLE = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" };

async function put(lab: Lab, path: string, text: string): Promise<void> {
  await Deno.mkdir(`${lab.dir}/${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
  await lab.write(path, text);
}

async function append(lab: Lab, path: string, text: string): Promise<void> {
  await lab.write(path, await lab.read(path) + text);
}

/** Returns the rows of the table of results, by machine: ok, changed, failed, unreachable. */
function results(stdout: string): Record<string, number[]> {
  const table = stdout.slice(stdout.indexOf("\nMACHINE "));
  return Object.fromEntries(
    [...table.matchAll(/^(\S+) +(\d+) +(\d+) +(\d+) +(\d+) +[\d.]+ (?:s|min .*)$/gm)]
      .map(([, name, ...numbers]) => [name!, numbers.map(Number)]),
  );
}

async function needs(lab: Lab): Promise<Record<string, string[]>> {
  const { stdout } = await lab.anklume(["check", "--json"]);
  const { provision } = JSON.parse(stdout) as {
    provision: { machine: string; reasons: string[] }[];
  };
  return Object.fromEntries(provision.map(({ machine, reasons }) => [machine, reasons]));
}

const note = async (machine: string) =>
  (await inMachine("pro", machine, "cat", "/root/note")).stdout;

Deno.test("only what has to be provisioned is, and what became of it is told", async (t) => {
  await using lab = await Lab.create(INFRA);
  await put(lab, "roles/note/tasks/main.yml", ROLE);

  await t.step("one run for all, Ansible's own output, then one table", async () => {
    const { stdout } = await lab.anklume(["apply"]);
    assert.match(stdout, /TASK \[note : Write the note\]/);
    assert.deepEqual(Object.keys(results(stdout)), ["pro-a", "pro-b", "pro-c"]);
    assert.match(stdout, /Provisioned: 3 machines\.\n$/);
    assert.equal(await note("pro-c"), "nothing");
  });

  await t.step("an apply with nothing to provision starts no Ansible", async () => {
    const { stdout } = await lab.anklume(["apply"], 0, WITHOUT_ANSIBLE);
    assert.match(stdout, /Everything is up to date/);
    assert.deepEqual(await needs(lab), {});
  });

  await t.step(
    "every command waits until its output has arrived, and keeps its status",
    async () => {
      const raw = (command: string) =>
        run(["ansible", "pro-a", "-m", "raw", "-a", command], { cwd: lab.dir });
      const { stdout } = await raw("tr '\\0' ' ' < /proc/$$/cmdline");
      assert.match(stdout, /anklume_rc=\$\?\n.*; cat >\/dev\/null; exit \$anklume_rc/);
      assert.match((await raw("exit 7")).stdout, /rc=7/);
    },
  );

  await t.step("a variable of one machine concerns that machine", async () => {
    await append(lab, "host_vars/pro-a.yml", "note_text: hello\n");
    assert.deepEqual(await needs(lab), { "pro-a": ["its variables changed"] });
    const { stdout } = await lab.anklume(["apply"]);
    assert.deepEqual(Object.keys(results(stdout)), ["pro-a"]);
    assert.equal(await note("pro-a"), "hello");
    assert.deepEqual(await needs(lab), {});
  });

  await t.step(
    "a failed machine is named once with its reason, and the others are marked",
    async () => {
      await put(lab, "roles/note/tasks/main.yml", `${ROLE}# another\n`);
      const { stdout: plan } = await lab.anklume(["check"]);
      assert.match(
        plan,
        /to provision: 3 machines \(role note changed\)\n {2}> pro-a, pro-b, pro-c\n/,
      );
      await append(lab, "host_vars/pro-b.yml", "note_fails: true\n");
      const { stdout } = await lab.anklume(["apply"], 1);
      const [ok, , failed] = results(stdout)["pro-b"] ?? [];
      assert.ok(ok! > 0 && failed === 1, stdout);
      const report = stdout.slice(stdout.indexOf("\nMACHINE "));
      assert.match(
        report,
        /failed {2}pro-b, in note : Fail where asked to:\n {4}pro-b was told to fail\n/,
      );
      assert.equal(report.match(/was told to fail/g)?.length, 1);
      assert.deepEqual(Object.keys(await needs(lab)), ["pro-b"]);
    },
  );

  await t.step("a copied role is the owner's, and stands instead of the embedded one", async () => {
    await lab.anklume(["roles", "copy", "packages"]);
    await lab.anklume(["roles", "copy", "packages"], 2);
    await append(
      lab,
      "roles/packages/tasks/main.yml",
      "\n- name: Be mine\n  ansible.builtin.command: touch /root/mine\n  changed_when: true\n",
    );
    await lab.write(
      "host_vars/pro-b.yml",
      (await lab.read("host_vars/pro-b.yml")).replace(/note_fails.*/, ""),
    );
    assert.deepEqual((await needs(lab))["pro-c"], ["role packages is yours now"]);
    const listed = await lab.anklume(["roles", "list", "--json"]);
    const { roles } = JSON.parse(listed.stdout) as { roles: Record<string, unknown>[] };
    assert.deepEqual(
      roles.find(({ name }) => name === "packages"),
      { name: "packages", origin: "workspace", overrides: true, summary: "", machines: ["pro-c"] },
    );
    const { stdout } = await lab.anklume(["apply", "-v"]);
    assert.deepEqual(Object.keys(results(stdout)), ["pro-b", "pro-c"]);
    assert.match(stdout, /Using .*ansible\.cfg as config file/, "-v is passed on");
    assert.equal((await inMachine("pro", "pro-c", "test", "-e", "/root/mine")).code, 0);
  });

  await t.step("tags are passed on, and such a run proves nothing", async () => {
    await append(lab, "host_vars/pro-c.yml", "note_text: tagged\n");
    const skipped = await lab.anklume(["apply", "--provision", "--skip-tags", "provision"]);
    assert.doesNotMatch(skipped.stdout, /note : Write/);
    assert.match(skipped.stdout, /limited by tags/);
    assert.equal(await note("pro-c"), "nothing");
    assert.deepEqual(await needs(lab), { "pro-c": ["its variables changed"] });
  });

  await t.step("with any tag, the roles have their facts", async () => {
    // Ansible checks the arguments of all roles, whatever the tags, and a default may need a fact.
    await put(
      lab,
      "roles/note/defaults/main.yml",
      `---\nnote_release: "{{ ansible_facts['distribution_release'] }}"\n`,
    );
    await put(
      lab,
      "roles/note/meta/argument_specs.yml",
      "---\nargument_specs:\n  main:\n    options:\n      note_release: { type: str }\n",
    );
    for (const tag of ["packages", "note", "provision"]) {
      const { stdout } = await lab.anklume(["apply", "--provision", "--tags", tag]);
      assert.match(stdout, /limited by tags/);
      assert.match(stdout, /note : Validating arguments/, tag);
      assert.equal(/note : Write/.test(stdout), tag !== "packages", tag);
    }
    await append(lab, "host_vars/pro-c.yml", "note_fails: true\n");
    const failed = await lab.anklume(["apply", "--provision", "--tags", "note"], 1);
    assert.match(failed.stdout, /run it again with the same tags/);
    const text = (await lab.read("host_vars/pro-c.yml")).replace("note_fails: true\n", "");
    await lab.write("host_vars/pro-c.yml", text);
    await Deno.remove(`${lab.dir}/roles/note/defaults`, { recursive: true });
    await Deno.remove(`${lab.dir}/roles/note/meta`, { recursive: true });
    // It wrote the note although the digest was not renewed.
    assert.deepEqual(await needs(lab), { "pro-c": ["its variables changed"] });
  });

  await t.step("programs are told the same, in the shape that is documented", async () => {
    const { stdout } = await lab.anklume(["apply", "--json"]);
    const lines = stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
    const read = async (name: string) =>
      JSON.parse(await Deno.readTextFile(new URL(`../../docs/schema/${name}`, import.meta.url)));
    const ajv = new Ajv.default({ strict: false, allErrors: true, validateFormats: false });
    // The schema of events refers to it.
    ajv.compile(await read("plan.schema.json"));
    const valid = ajv.compile(await read("events.schema.json"));
    for (const line of lines) assert.ok(valid(line), JSON.stringify([line, valid.errors]));
    const told = lines.find(({ type }) => type === "provisioned");
    assert.deepEqual([told.status, told.machines.length, told.machines[0].noted], [
      "done",
      1,
      true,
    ]);
  });
});

Deno.test("a vault's secret reaches the machine and nothing else", async (t) => {
  const [secret, password] = ["s3cret-of-the-vault", "passw0rd-of-the-vault"];
  await using lab = await Lab.create(INFRA.replace(/ {6}pro-[bc].*\n/g, ""));
  await put(lab, "roles/note/tasks/main.yml", ROLE);
  const outside = await Deno.makeTempDir({ prefix: "anklume-vault-" });
  const file = `${outside}/password`;
  await Deno.writeTextFile(file, `${password}\n`, { mode: 0o600 });
  try {
    await lab.anklume(["sync"]);
    const encrypted = await must(
      [
        "ansible-vault",
        "encrypt_string",
        "--vault-password-file",
        file,
        "--stdin-name",
        "note_text",
      ],
      secret,
    );
    await append(lab, "host_vars/pro-a.yml", encrypted);

    await t.step("without the password nothing is provisioned, and Ansible says why", async () => {
      const { stdout, stderr } = await lab.anklume(["apply"], 1);
      assert.match(stdout + stderr, /vault secrets/);
      const [machine] = await liveInstances();
      assert.equal(machine?.config["user.anklume.provisioned"], undefined);
    });

    let said = "";
    const processes = watchProcesses();
    await t.step("--vault-password-file passes it on", async () => {
      const { stdout, stderr } = await lab.anklume(["apply", "-vv", "--vault-password-file", file]);
      said += stdout + stderr;
      assert.equal(await note("pro-a"), secret);
      // The value stays as it is in the user's part of the file.
      assert.ok((await lab.read("host_vars/pro-a.yml")).endsWith(encrypted));
    });

    await t.step("so does ANSIBLE_VAULT_PASSWORD_FILE", async () => {
      const env = { ANSIBLE_VAULT_PASSWORD_FILE: file };
      const { stdout, stderr } = await lab.anklume(["apply", "--provision"], 0, env);
      said += stdout + stderr;
    });

    await t.step("neither stands in output, files, processes or on the instance", async () => {
      said += await processes.stop();
      assert.match(said, /ansible-playbook site\.yml/, "the process list was looked at");
      said += JSON.stringify(await liveInstances());
      said += (await run(["journalctl", "--no-pager", "--since", "-5min"])).stdout;
      for (const word of [secret, password]) {
        assert.equal(said.includes(word), false, word);
        const found = await run(["grep", "-rl", "--", word, lab.dir, "/var/log/incus"]);
        assert.equal(found.stdout, "", word);
      }
    });
  } finally {
    await Deno.remove(outside, { recursive: true });
  }
});

/** Collects all command lines of the host, ten times a second, until it is stopped. */
function watchProcesses(): { stop(): Promise<string> } {
  const seen = new Set<string>();
  let going = true;
  const done = (async () => {
    while (going) {
      const { stdout } = await run(["ps", "-eo", "args", "--no-headers", "-ww"]);
      for (const line of stdout.split("\n")) seen.add(line);
      await sleep(100);
    }
  })();
  return {
    async stop() {
      going = false;
      await done;
      return [...seen].join("\n");
    },
  };
}

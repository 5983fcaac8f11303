import assert from "node:assert/strict";
import { ansibleEnvironment } from "../../lib/ansible/ansible_environment.ts";
import { aDomain, anInfra } from "../../lib/infra/_infra_builder.ts";
import { runCommand } from "../../lib/host/command.ts";
import type { Value } from "../../lib/infra/infra.ts";
import { Workspace } from "./_workspace.ts";

/** Strings that YAML, Jinja or a shell may read as something else. */
const HOSTILE: Record<string, Value> = {
  v_braces: "{{ 7 * 7 }} {% if true %} {# x #}",
  v_lookup: "{{ lookup('pipe', 'id') }}",
  v_tag: "!unsafe x",
  v_vault: "!vault |",
  v_quotes: `'"\\" \\n "`,
  v_lines: "a\n  b\n\n---\nc: d\n...\n",
  v_marker: "# === END MANAGED ===",
  v_word: "yes",
  v_number: "0x10",
  v_time: "10:20:30",
  v_words: [
    "no",
    "NULL",
    "~",
    "True",
    "<<",
    "=",
    "-.inf",
    ".NaN",
    "1e3",
    "1.5",
    "-0b1",
    "1_0",
    "2001-12-14",
    "[1, 2]",
    "{'a': 1}",
  ],
  v_empty: "",
  v_blanks: "  two \t ",
  v_shell: "$(id) `id` ; id",
  v_odd: "\u0001\u0085\u2028\ufeff\u{1f600}é",
  v_long: "long words ".repeat(400),
  v_real: [1, 1.5, true, null, {
    "{{ key }}": "{{ value }}",
    ["{{ key }} ".repeat(30)]: ["{{ value }}"],
    list: [[], {}, ["{{ deep }}"]],
  }],
};

const LAB = anInfra([
  aDomain("pro", [
    ["pro-dev", { roles: ["base_system"], vars: HOSTILE, description: "{{ description }}" }],
    ["pro-web", { roles: ["base_system"], type: "vm" }],
  ], { description: '"{{ x }}"' }),
  aDomain("tp-01", [["tp-01-pc1", { hostname: "pc1" }]], {
    copy: { of: "tp", name: "01" },
    trustLevel: "untrusted",
  }),
  aDomain("empty", []),
], { copies: new Map([["tp", ["tp-01"]]]) });

interface Inventory {
  readonly _meta: { readonly hostvars: Record<string, Record<string, unknown>> };
  readonly [group: string]: unknown;
}

async function inventory(workspace: Workspace): Promise<Inventory> {
  return JSON.parse(await workspace.ansible("ansible-inventory", "--list"));
}

Deno.test("ansible-inventory reads a synced tree without a warning", async () => {
  await using workspace = new Workspace();
  await workspace.sync(LAB);
  const { _meta: { hostvars }, ...groups } = await inventory(workspace);
  const members = Object.fromEntries(
    Object.entries(groups).map(([name, group]) => {
      const { hosts = [], children = [] } = group as { hosts?: string[]; children?: string[] };
      return [name, [...hosts, ...children].sort()];
    }),
  );
  assert.deepEqual(members, {
    all: [
      "empty",
      "role_base_system",
      "tp",
      "trust_semi_trusted",
      "trust_untrusted",
      "type_lxc",
      "type_vm",
      "ungrouped",
    ].filter((name) => name in members || (members["all"] ?? []).includes(name)),
    pro: ["pro-dev", "pro-web"],
    role_base_system: ["pro-dev", "pro-web"],
    tp: ["tp-01"],
    "tp-01": ["tp-01-pc1"],
    trust_semi_trusted: ["pro"],
    trust_untrusted: ["tp-01"],
    type_lxc: ["pro-dev", "tp-01-pc1"],
    type_vm: ["pro-web"],
  });
  const {
    ansible_connection,
    ansible_incus_project,
    anklume_ip,
    anklume_hostname,
    anklume_copy_of,
  } = hostvars["tp-01-pc1"] ?? {};
  assert.deepEqual(
    { ansible_connection, ansible_incus_project, anklume_ip, anklume_hostname, anklume_copy_of },
    {
      ansible_connection: "anklume_incus",
      ansible_incus_project: "tp-01",
      anklume_ip: "10.120.0.3",
      anklume_hostname: "pc1",
      anklume_copy_of: "tp",
    },
  );
});

Deno.test("ansible-playbook and ansible-lint's production profile accept a synced tree", async () => {
  await using workspace = new Workspace();
  await workspace.sync(LAB);
  await workspace.ansible("ansible-playbook", "site.yml", "--syntax-check");
  await workspace.ansible("ansible-playbook", "site.yml", "--list-tasks", "--limit", "pro");
  const lint = ["ansible-lint", "--offline", "--nocolor", "--profile", "production"] as const;
  const { stderr } = await runCommand(
    [...lint, "site.yml", "inventory", "group_vars", "host_vars"],
    {
      cwd: workspace.root,
      env: ansibleEnvironment(),
    },
  );
  assert.match(stderr, /Passed: 0 failure\(s\), 0 warning\(s\)/);
});

Deno.test("values of infra.yml reach a play as the same strings", async () => {
  await using workspace = new Workspace();
  await workspace.sync(LAB);
  workspace.local("pro-dev");
  const names = ["anklume_description", "anklume_domain_description", ...Object.keys(HOSTILE)];
  workspace.append(
    "site.yml",
    `
- name: Dump
  hosts: pro-dev
  gather_facts: false
  tags: dump
  tasks:
    - name: Write
      ansible.builtin.copy:
        dest: ${workspace.root}/dump.json
        mode: "0600"
        content: "{{ {${names.map((name) => `'${name}': ${name}`).join(", ")}} | to_json }}"
`,
  );
  await workspace.ansible(
    "ansible-playbook",
    "site.yml",
    "--tags",
    "dump",
    "--skip-tags",
    "always",
  );
  assert.deepEqual(JSON.parse(workspace.read("dump.json")), {
    anklume_description: "{{ description }}",
    anklume_domain_description: '"{{ x }}"',
    ...HOSTILE,
  });
});

Deno.test("names that YAML takes for booleans, nothing or numbers stay names", async () => {
  await using workspace = new Workspace();
  const roles = ["yes", "off", "null", "1.5", "0x10", "1e3", "2026-01-01", "12_30"];
  for (const role of roles) {
    workspace.write(
      `roles/${role}/tasks/main.yml`,
      `---\n- name: Say\n  ansible.builtin.debug:\n    msg: ran\n`,
    );
  }
  await workspace.sync(anInfra([
    aDomain("no", [["on", { roles }], "true", "e1"]),
    aDomain("null", ["y"], { copy: { of: "off", name: "yes" } }),
    aDomain("1e3", ["n"]),
  ], { copies: new Map([["off", ["null"]]]) }));
  const { _meta: { hostvars }, ...groups } = await inventory(workspace);
  assert.deepEqual(Object.keys(hostvars).sort(), ["e1", "n", "on", "true", "y"]);
  assert.deepEqual((groups["no"] as { hosts: string[] }).hosts.toSorted(), ["e1", "on", "true"]);
  assert.equal(hostvars["y"]?.["anklume_copy"], "yes");
  assert.equal(hostvars["on"]?.["anklume_domain"], "no");
  assert.equal(hostvars["n"]?.["anklume_domain"], "1e3");
  const listed = await workspace.ansible("ansible-playbook", "site.yml", "--list-tasks");
  for (const role of roles) assert.ok(listed.includes(`${role} : Say`), role);
});

Deno.test("variables of a group_vars directory and anklume's are both read", async () => {
  await using workspace = new Workspace();
  workspace.write("group_vars/pro/mine.yml", "mine: 1\n");
  await workspace.sync(LAB);
  const { hostvars } = (await inventory(workspace))._meta;
  assert.equal(hostvars["pro-dev"]?.["mine"], 1);
  assert.equal(hostvars["pro-dev"]?.["anklume_gateway"], "10.120.0.254");
});

Deno.test("what the user writes below the section wins", async () => {
  await using workspace = new Workspace();
  await workspace.sync(LAB);
  workspace.append("host_vars/pro-dev.yml", "v_word: mine\n");
  const { plan } = await workspace.sync(LAB);
  assert.deepEqual(plan.diagnostics.map(({ code }) => code).sort(), [
    "VARIABLE_OVERLAP",
  ]);
  const json = await runCommand(["ansible-inventory", "--host", "pro-dev"], {
    cwd: workspace.root,
    env: ansibleEnvironment(),
  });
  assert.equal(JSON.parse(json.stdout)["v_word"], "mine");
});

Deno.test("orphans make Ansible neither warn nor find machines that are gone", async () => {
  await using workspace = new Workspace();
  await workspace.sync(LAB);
  await workspace.sync(anInfra([aDomain("perso", ["perso-pc"])]));
  const { hostvars } = (await inventory(workspace))._meta;
  assert.deepEqual(Object.keys(hostvars), ["perso-pc"]);
  const { plan } = workspace.prepare(anInfra([aDomain("perso", ["perso-pc"])]), true);
  assert.deepEqual(
    plan.entries.filter(({ status }) => status === "removed").map(({ path }) => path),
    [
      "group_vars/empty.yml",
      "group_vars/pro.yml",
      "group_vars/tp-01.yml",
      "group_vars/tp.yml",
      "host_vars/pro-dev.yml",
      "host_vars/pro-web.yml",
      "host_vars/tp-01-pc1.yml",
      "inventory/empty.yml",
      "inventory/pro.yml",
      "inventory/tp-01.yml",
      "inventory/tp.yml",
    ],
  );
});

Deno.test("a wholly vaulted file stays byte for byte, and Ansible reads its secret", async () => {
  await using workspace = new Workspace();
  await workspace.sync(LAB);
  workspace.write("password", "secret\n");
  workspace.write("host_vars/pro-web.yml", "token: hunter2\n");
  const vault = ["--vault-password-file", "password"];
  await runCommand(["ansible-vault", "encrypt", "host_vars/pro-web.yml", ...vault], {
    cwd: workspace.root,
    env: ansibleEnvironment(),
  });
  const before = workspace.read("host_vars/pro-web.yml");
  const { plan } = await workspace.sync(LAB);
  assert.equal(workspace.read("host_vars/pro-web.yml"), before);
  assert.ok(plan.diagnostics.some(({ code }) => code === "FILE_VAULTED"));
  const host = await workspace.ansible("ansible-inventory", "--host", "pro-web", ...vault);
  assert.equal(JSON.parse(host)["token"], "hunter2");
});

Deno.test("sync writes nothing at all while one file is damaged", async () => {
  await using workspace = new Workspace();
  await workspace.sync(LAB);
  const broken = workspace.read("site.yml").replace("# === END MANAGED ===\n", "");
  workspace.write("site.yml", broken);
  const prepared = workspace.prepare(anInfra([aDomain("perso", ["perso-pc"])]));
  assert.ok(prepared.plan.diagnostics.some(({ code }) => code === "MARKER_DAMAGED"));
  await assert.rejects(workspace.sync(anInfra([aDomain("perso", ["perso-pc"])])));
  assert.equal(workspace.read("site.yml"), broken);
  assert.throws(() => workspace.read("host_vars/perso-pc.yml"), Deno.errors.NotFound);
});

Deno.test("sync refuses to write through a symbolic link", async () => {
  await using workspace = new Workspace();
  await using elsewhere = new Workspace();
  Deno.symlinkSync(elsewhere.root, `${workspace.root}/host_vars`);
  const { plan } = workspace.prepare(LAB);
  assert.ok(plan.diagnostics.some(({ code }) => code === "PATH_UNUSABLE"));
});

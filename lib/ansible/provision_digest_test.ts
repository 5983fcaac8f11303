import assert from "node:assert/strict";
import type { Infra } from "../infra/infra.ts";
import { aDomain, anInfra } from "../infra/_infra_builder.ts";
import { addressingOf } from "../addressing/_addressing_builder.ts";
import { explainDigest, provisionDigest } from "./provision_digest.ts";
import { describeFile, type ProvisionFile } from "./provision_files.ts";
import { planSync } from "./plan_sync.ts";
import { renderTree } from "./render_tree.ts";

const EMBEDDED = new Map([
  ["roles/base_system/tasks/main.yml", "---\n- name: Base\n"],
  ["roles/base_system/templates/motd.j2", "hello\n"],
  ["roles/web_server/tasks/main.yml", "---\n- name: Web\n"],
]);

function lab(webRoles: readonly string[] = ["web_server"]): Infra {
  return anInfra([
    aDomain("pro", [
      ["pro-dev", { roles: ["base_system"] }],
      ["pro-web", { roles: ["base_system", ...webRoles] }],
    ]),
    aDomain("perso", [["perso-pc", { roles: ["base_system"] }]]),
  ]);
}

/** Returns the digest of each machine, in a workspace that was synced and then changed. */
function digests(infra: Infra, changes: Record<string, string> = {}): Record<string, string> {
  const tree = renderTree(infra, addressingOf(infra), {
    embedded: EMBEDDED,
    userRoles: [],
    directories: new Set(),
  });
  const { entries } = planSync(tree, new Map(), { cleanOrphans: false, frozen: new Set() });
  const files = new Map<string, ProvisionFile>();
  const put = (path: string, text: string) => {
    files.set(path, describeFile(path, [new TextEncoder().encode(text)]));
  };
  for (const { path, after } of entries) put(path, after ?? "");
  for (const [path, text] of Object.entries(changes)) {
    // "+" adds text below the text that sync wrote.
    const before = entries.find((entry) => entry.path === path)?.after ?? "";
    put(path, text.startsWith("+") ? before + text.slice(1) : text);
  }
  return Object.fromEntries(
    infra.domains.flatMap((domain) =>
      domain.machines.map((machine) => [
        machine.name,
        provisionDigest(infra, machine, domain, files),
      ])
    ),
  );
}

const BEFORE = digests(lab());

/** Returns the machines whose digest differs, each with the reasons. */
function changed(after: Record<string, string>): Record<string, string[]> {
  return Object.fromEntries(
    Object.keys(after).filter((name) => after[name] !== BEFORE[name])
      .map((name) => [name, explainDigest(BEFORE[name], after[name] ?? "")]),
  );
}

Deno.test("provisionDigest() is the same for the same files", () => {
  assert.deepEqual(changed(digests(lab())), {});
  assert.match(BEFORE["pro-dev"] ?? "", /^3( [\w:]+=(embedded\.)?[0-9a-f]{16})+$/);
});

Deno.test("provisionDigest() changes for the machines that use a changed role, and no other", () => {
  const motd = ".anklume/roles/web_server/tasks/main.yml";
  assert.deepEqual(changed(digests(lab(), { [motd]: "---\n- name: New\n" })), {
    "pro-web": ["role web_server changed with this version of anklume"],
  });
});

Deno.test("provisionDigest() counts any file of a role", () => {
  const motd = ".anklume/roles/base_system/templates/motd.j2";
  assert.equal(Object.keys(changed(digests(lab(), { [motd]: "bye\n" }))).length, 3);
});

Deno.test("provisionDigest() counts the user's role instead of the embedded one of that name", () => {
  const mine = { "roles/web_server/tasks/main.yml": "---\n- name: Mine\n" };
  const after = digests(lab(), mine)["pro-web"] ?? "";
  const reasons = (before = "", after = "") => explainDigest(before, after);
  assert.deepEqual(reasons(BEFORE["pro-web"], after), ["role web_server is yours now"]);
  assert.deepEqual(reasons(after, BEFORE["pro-web"]), ["role web_server is the embedded one now"]);
  const edited = digests(lab(), { "roles/web_server/tasks/main.yml": "---\n- name: Better\n" });
  assert.deepEqual(reasons(after, edited["pro-web"]), ["role web_server changed"]);
});

Deno.test("provisionDigest() follows a role into the roles it names", () => {
  const mine = {
    "roles/web_server/meta/main.yml": "dependencies:\n  - role: helper\n",
    "roles/helper/tasks/main.yml": "---\n",
  };
  const before = digests(lab(), mine);
  const after = digests(lab(), { ...mine, "roles/helper/tasks/main.yml": "---\n- name: New\n" });
  assert.deepEqual(explainDigest(before["pro-web"], after["pro-web"] ?? ""), [
    "role helper changed",
  ]);
  assert.equal(before["pro-dev"], after["pro-dev"]);
});

Deno.test("provisionDigest() counts variables of the machine and of its groups", () => {
  const of = (path: string) => Object.keys(changed(digests(lab(), { [path]: "+x: 1\n" })));
  assert.deepEqual(of("host_vars/pro-dev.yml"), ["pro-dev"]);
  assert.deepEqual(of("host_vars/pro-dev/vault.yml"), ["pro-dev"]);
  assert.deepEqual(of("group_vars/pro.yml"), ["pro-dev", "pro-web"]);
  assert.deepEqual(of("group_vars/role_web_server.yml"), ["pro-web"]);
  assert.deepEqual(of("group_vars/trust_semi_trusted/x.yml"), ["pro-dev", "pro-web", "perso-pc"]);
  assert.deepEqual(of("group_vars/type_vm.yml"), []);
  assert.equal(of("group_vars/all.yml").length, 3);
  // Only Ansible knows the members of a user's own group.
  assert.equal(of("group_vars/printers.yml").length, 3);
});

Deno.test("provisionDigest() counts the user's plays, options, inventories and shared files", () => {
  const of = (path: string, text: string) => changed(digests(lab(), { [path]: text }))["pro-dev"];
  assert.deepEqual(of("site.yml", "+- name: Mine\n"), ["site.yml changed"]);
  assert.deepEqual(of("ansible.cfg", "+forks = 9\n"), ["ansible.cfg changed"]);
  assert.deepEqual(of("inventory/mine.yml", "mine:\n"), ["its place in the inventory changed"]);
  assert.deepEqual(of("inventory/perso.yml", "+mine:\n"), ["its place in the inventory changed"]);
  assert.deepEqual(of("templates/x.j2", "x"), ["files beside the playbook changed"]);
});

Deno.test("provisionDigest() does not change for the others when a machine comes", () => {
  const infra = lab();
  const more = anInfra([...infra.domains, aDomain("lab", [["lab-pc", { roles: ["web_server"] }]])]);
  assert.deepEqual(Object.keys(changed(digests(more))), ["lab-pc"]);
});

Deno.test("provisionDigest() counts other machines where something that the machine uses reads of them", () => {
  const infra = lab();
  const more = anInfra([...infra.domains, aDomain("lab", [["lab-pc", { roles: [] }]])]);
  for (
    const [path, text] of [
      ["roles/base_system/templates/hosts.j2", "{% for h in groups['all'] %}{{ h }}{% endfor %}"],
      ["site.yml", "+- name: Mine\n  hosts: all\n  tasks: [{ debug: { var: hostvars } }]\n"],
    ] as const
  ) {
    const [before, after] = [digests(infra, { [path]: text }), digests(more, { [path]: text })];
    assert.deepEqual(
      explainDigest(before["pro-dev"], after["pro-dev"] ?? ""),
      ["its roles or plays read values of other machines, which changed"],
      path,
    );
  }
});

Deno.test("provisionDigest() counts a domain's machines where something reads anklume_peers", () => {
  const peers = { "host_vars/pro-dev.yml": "+base_system_hosts: '{{ anklume_peers }}'\n" };
  const before = digests(lab(), peers);
  const of = (infra: Infra) => explainDigest(before["pro-dev"], digests(infra, peers)["pro-dev"]!);
  const [pro, perso] = lab().domains as [Infra["domains"][0], Infra["domains"][0]];
  const elsewhere = anInfra([pro, perso, aDomain("lab", [["lab-pc", { roles: [] }]])]);
  assert.deepEqual(of(elsewhere), []);
  const beside = aDomain("pro", [
    ["pro-dev", { roles: ["base_system"] }],
    ["pro-web", { roles: ["base_system", "web_server"] }],
    ["pro-new", { roles: [] }],
  ]);
  assert.deepEqual(of(anInfra([beside, perso])), [
    "its roles or plays read anklume_peers, and machines of its domain changed",
  ]);
});

Deno.test("provisionDigest() counts a description only where something reads it", () => {
  const described = anInfra([
    aDomain("pro", [
      ["pro-dev", { roles: ["base_system"], description: "My desk" }],
      ["pro-web", { roles: ["base_system", "web_server"] }],
    ]),
    aDomain("perso", [["perso-pc", { roles: ["base_system"] }]]),
  ]);
  assert.deepEqual(changed(digests(described)), {});
  // In a comment or in the description of a role nothing is read.
  for (
    const [path, text, isRead] of [
      ["roles/base_system/defaults/main.yml", "x: '{{ anklume_description }}'\n", true],
      ["roles/base_system/defaults/main.yml", "# like anklume_description\nx: 1\n", false],
      ["roles/base_system/defaults/main.yml", "x: |\n  # {{ anklume_description }}\n", true],
      ["roles/base_system/templates/motd", "# {{ anklume_description }}\n", true],
      ["roles/base_system/README.md", "`anklume_description`\n", false],
      ["roles/base_system/meta/argument_specs.yml", "x: anklume_description\n", false],
      ["roles/base_system/tasks/main.yml", "- debug: { msg: '{{ vars[name] }}' }\n", true],
    ] as const
  ) {
    const [before, after] = [
      digests(lab(), { [path]: text }),
      digests(described, { [path]: text }),
    ];
    assert.equal(before["pro-dev"] !== after["pro-dev"], isRead, `${path}: ${text}`);
    assert.equal(before["perso-pc"], after["perso-pc"], path);
  }
});

Deno.test("explainDigest() names a role that came or went, and a machine that is new", () => {
  assert.deepEqual(changed(digests(lab([])))["pro-web"], [
    "its place in the inventory changed",
    "role web_server removed",
  ]);
  assert.deepEqual(explainDigest(undefined, "2 a=1"), ["never provisioned"]);
  const [now = ""] = Object.values(digests(lab([])));
  for (const older of ["0 a=1", "1 config=a inventory=b play=c shared=d vars=e"]) {
    assert.deepEqual(explainDigest(older, now), ["provisioned by another version of anklume"]);
  }
});

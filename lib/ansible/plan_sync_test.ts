import assert from "node:assert/strict";
import fc from "fast-check";
import { aDomain, aMachine, anInfra } from "../infra/_infra_builder.ts";
import { addressingOf } from "../addressing/_addressing_builder.ts";
import type { ExistingFile } from "./existing_files.ts";
import { findSection, mergeManaged } from "./managed_section.ts";
import { isChange, planSync, type SyncPlan } from "./plan_sync.ts";
import { frozenFiles, renderTree } from "./render_tree.ts";
import type { Infra } from "../infra/infra.ts";
import { syncDiff } from "./sync_diff.ts";

type Files = Record<string, string | Exclude<ExistingFile["kind"], "text">>;

const LAB = anInfra([aDomain("pro", ["pro-dev", "pro-web"]), aDomain("perso", ["perso-pc"])]);
const SMALLER = anInfra([aDomain("pro", ["pro-dev"])]);

function plan(infra: Infra, files: Files, cleanOrphans = false): SyncPlan {
  const existing = new Map(
    Object.entries(files).map(([path, file]): [string, ExistingFile] => {
      const kinds = ["binary", "directory", "symlink", "other"] as const;
      const kind = kinds.find((kind) => kind === file);
      return [path, kind === undefined ? { kind: "text", text: file } : { kind }];
    }),
  );
  const directories = Object.keys(files).filter((path) => files[path] === "directory");
  const tree = renderTree(infra, addressingOf(infra), {
    embedded: new Map([["roles/base_system/tasks/main.yml", "---\n"]]),
    userRoles: [],
    directories: new Set(directories),
  });
  return planSync(tree, existing, { cleanOrphans, frozen: frozenFiles(infra) });
}

/** Returns the files after a plan was written. */
function write(files: Files, { entries }: SyncPlan): Files {
  const next = { ...files };
  for (const { path, after } of entries) {
    if (after === undefined) delete next[path];
    else next[path] = after;
  }
  return next;
}

const codes = (plan: SyncPlan) =>
  plan.diagnostics.map(({ code, range }) =>
    range ? `${code} ${range.file}:${range.start.line}` : code
  );
const status = (plan: SyncPlan, path: string) =>
  plan.entries.find((entry) => entry.path === path)?.status;

const SYNCED = write({}, plan(LAB, {}));

Deno.test("planSync() creates every file of the tree in an empty workspace", () => {
  const { entries, diagnostics } = plan(LAB, {});
  assert.deepEqual(diagnostics, []);
  assert.ok(entries.every((entry) => entry.status === "created"));
  assert.deepEqual(entries.map(({ path }) => path), [
    ".anklume/roles/base_system/tasks/main.yml",
    ".gitignore",
    "ansible.cfg",
    "group_vars/all.yml",
    "group_vars/perso.yml",
    "group_vars/pro.yml",
    "host_vars/perso-pc.yml",
    "host_vars/pro-dev.yml",
    "host_vars/pro-web.yml",
    "inventory/perso.yml",
    "inventory/pro.yml",
    "requirements.yml",
    "site.yml",
  ]);
});

Deno.test("planSync() has nothing to do right after a sync", () => {
  const again = plan(LAB, SYNCED);
  assert.ok(again.entries.every((entry) => entry.status === "unchanged"));
  assert.equal(syncDiff(again.entries), "");
});

Deno.test("planSync() plans the same whatever the order of domains and machines", () => {
  const shuffled = anInfra([
    aDomain("perso", ["perso-pc"]),
    aDomain("pro", ["pro-web", "pro-dev"]),
  ]);
  const addressing = addressingOf(LAB);
  const inputs = { embedded: new Map(), userRoles: [], directories: new Set<string>() };
  assert.deepEqual(renderTree(shuffled, addressing, inputs), renderTree(LAB, addressing, inputs));
});

Deno.test("planSync() empties the section of an orphan and keeps the user's text", () => {
  const mine = SYNCED["host_vars/pro-web.yml"] + "mine: 1\n";
  const first = plan(SMALLER, { ...SYNCED, "host_vars/pro-web.yml": mine });
  assert.equal(status(first, "host_vars/pro-web.yml"), "orphan");
  assert.equal(status(first, "inventory/perso.yml"), "orphan");
  const files = write(SYNCED, first);
  const left = String(files["host_vars/pro-web.yml"]);
  assert.ok(left.endsWith("mine: 1\n") && !left.includes("anklume_ip"));
  // An inventory file without any content makes Ansible warn.
  assert.match(String(files["inventory/perso.yml"]), /^ungrouped:$/m);
  const second = plan(SMALLER, files);
  assert.equal(status(second, "host_vars/pro-web.yml"), "orphan");
  assert.equal(second.entries.some(isChange), false);
});

Deno.test("planSync() removes orphans only when asked, and keeps a copy of the user's text", () => {
  const mine = SYNCED["host_vars/pro-web.yml"] + "mine: 1\n";
  const { entries } = plan(SMALLER, { ...SYNCED, "host_vars/pro-web.yml": mine }, true);
  const removed = entries.filter(({ status }) => status === "removed").map(({ path }) => path);
  assert.deepEqual(removed, [
    "group_vars/perso.yml",
    "host_vars/perso-pc.yml",
    "host_vars/pro-web.yml",
    "inventory/perso.yml",
  ]);
  const kept = entries.filter(({ path }) => path.startsWith(".anklume/replaced/"));
  assert.equal(kept.length, 1);
  assert.match(kept[0]?.path ?? "", /^\.anklume\/replaced\/host_vars\/pro-web\.yml\.[0-9a-f]{16}$/);
  assert.equal(kept[0]?.after, mine);
});

Deno.test("planSync() removes what a killed sync was writing, and keeps no copy of it", () => {
  const aside = ".0a1b2c3d-0000-4000-8000-0123456789ab.tmp";
  const left = Object.fromEntries(
    ["", "group_vars/", "host_vars/", ".anklume/roles/base_system/tasks/"]
      .map((directory) => [directory + aside, `${SYNCED["group_vars/pro.yml"]}mine: 1\n`]),
  );
  const mine = { "group_vars/.notes.tmp": "mine\n" };
  const after = plan(LAB, { ...SYNCED, ...left, ...mine });
  assert.deepEqual(
    after.entries.filter(isChange).map(({ path }) => path),
    Object.keys(left).sort(),
  );
  assert.deepEqual(write({ ...SYNCED, ...left, ...mine }, after), { ...SYNCED, ...mine });
});

Deno.test("planSync() brings an orphan back to life with the user's text", () => {
  const mine = {
    ...SYNCED,
    "host_vars/pro-web.yml": SYNCED["host_vars/pro-web.yml"] + "mine: 1\n",
  };
  const gone = write(mine, plan(SMALLER, mine));
  assert.deepEqual(write(gone, plan(LAB, gone)), mine);
});

Deno.test("planSync() leaves the files of a disabled domain as they are", () => {
  const disabled = anInfra([
    aDomain("pro", ["pro-dev", "pro-web"]),
    aDomain("perso", ["perso-pc"], { enabled: false }),
  ]);
  const { entries } = plan(disabled, SYNCED);
  assert.equal(entries.some(({ path }) => path.includes("perso")), false);
});

Deno.test("planSync() leaves files of the user's own alone", () => {
  const files = { ...SYNCED, "host_vars/nas.yml": "a: 1\n", "inventory/nas.yml": "nas:\n" };
  assert.equal(plan(LAB, files).entries.some(({ path }) => path.includes("nas")), false);
});

Deno.test("planSync() writes beside the files of a group_vars directory", () => {
  const dirs: Files = { "group_vars/pro": "directory", "group_vars/pro/mine.yml": "a: 1\n" };
  const { entries, diagnostics } = plan(LAB, dirs);
  assert.deepEqual(diagnostics, []);
  const paths = entries.map(({ path }) => path);
  assert.ok(paths.includes("group_vars/pro/anklume.yml") && !paths.includes("group_vars/pro.yml"));
});

Deno.test("planSync() empties group_vars/pro.yml once a directory hides it", () => {
  const files: Files = { ...SYNCED, "group_vars/pro": "directory" };
  assert.equal(status(plan(LAB, files), "group_vars/pro.yml"), "orphan");
});

Deno.test("planSync() refuses what hides our variables or stands in the way", () => {
  const of = (files: Files) => codes(plan(LAB, files));
  assert.deepEqual(of({ "group_vars/pro": "a: 1\n" }), ["VARIABLES_HIDDEN"]);
  assert.deepEqual(of({ "host_vars/pro-dev.yaml": "a: 1\n" }), ["VARIABLES_HIDDEN"]);
  assert.deepEqual(of({ inventory: "symlink" }), ["PATH_UNUSABLE"]);
  assert.deepEqual(of({ "site.yml": "symlink" }), ["PATH_UNUSABLE"]);
  assert.deepEqual(of({ "site.yml": "directory" }), ["PATH_UNUSABLE"]);
  assert.deepEqual(of({ "ansible.cfg": "binary" }), ["PATH_UNUSABLE"]);
});

Deno.test("planSync() reports damaged markers with file and line, and does not plan the file", () => {
  const broken = String(SYNCED["host_vars/pro-dev.yml"]).replace("# === END MANAGED ===", "");
  const { entries, diagnostics } = plan(LAB, { ...SYNCED, "host_vars/pro-dev.yml": broken });
  assert.deepEqual(codes({ entries, diagnostics }), ["MARKER_DAMAGED host_vars/pro-dev.yml:2"]);
  assert.equal(entries.some(({ path }) => path === "host_vars/pro-dev.yml"), false);
});

Deno.test("planSync() warns of a hand-edited section and keeps a copy of the file", () => {
  const edited = String(SYNCED["host_vars/pro-dev.yml"]).replace("10.120.0.1", "1.2.3.4");
  const { entries, diagnostics } = plan(LAB, { ...SYNCED, "host_vars/pro-dev.yml": edited });
  assert.deepEqual(codes({ entries, diagnostics }), ["SECTION_EDITED host_vars/pro-dev.yml:2"]);
  const copy = entries.find(({ path }) => path.startsWith(".anklume/replaced/"));
  assert.equal(copy?.after, edited);
});

Deno.test("planSync() names variables that stand in the user's part too", () => {
  const after = SYNCED["host_vars/pro-dev.yml"] + "anklume_ip: 1.2.3.4\n";
  const [warning] = plan(LAB, { ...SYNCED, "host_vars/pro-dev.yml": after }).diagnostics;
  assert.equal(warning?.code, "VARIABLE_OVERLAP");
  assert.match(warning?.summary ?? "", /yours, the later one, wins/);
  const lines = after.split("\n").length - 1;
  assert.deepEqual(warning?.range?.start, { line: lines, column: 1 });
});

Deno.test("planSync() refuses a group that is repeated below ours", () => {
  const inventory = SYNCED["inventory/pro.yml"] + "pro:\n  hosts:\n    other:\n";
  const [error] = plan(LAB, { ...SYNCED, "inventory/pro.yml": inventory }).diagnostics;
  assert.equal(error?.code, "GROUP_REPEATED");
});

Deno.test("planSync() refuses an ansible.cfg that would be a traceback", () => {
  const cfg = (text: string) => codes(plan(LAB, { ...SYNCED, "ansible.cfg": text }));
  const ours = String(SYNCED["ansible.cfg"]);
  const last = ours.split("\n").length;
  assert.deepEqual(cfg(ours + "[defaults]\nforks = 9\n"), [`CONFIG_REPEATED ansible.cfg:${last}`]);
  assert.deepEqual(cfg(ours + "Gathering=explicit\n"), [`CONFIG_REPEATED ansible.cfg:${last}`]);
  assert.deepEqual(cfg("\ufeff" + ours), ["TREE_FILE_BROKEN ansible.cfg:1"]);
  assert.deepEqual(cfg(ours + "forks = 9\n[ssh_connection]\npipelining = True\n"), []);
});

Deno.test("planSync() leaves a requirements.yml of the owner's alone, and refuses a second list in ours", () => {
  const mine = { "requirements.yml": "collections:\n  - name: my.own\n" };
  assert.equal(status(plan(LAB, mine), "requirements.yml"), undefined);
  assert.deepEqual(codes(plan(LAB, mine)), []);
  const ours = String(SYNCED["requirements.yml"]);
  const more = { ...SYNCED, "requirements.yml": ours.replace("# - name: community", "- name: my") };
  assert.deepEqual(codes(plan(LAB, more)), []);
  const twice = { ...SYNCED, "requirements.yml": `${ours}collections: []\n` };
  assert.match(codes(plan(LAB, twice)).join(), /^TREE_FILE_BROKEN requirements\.yml:\d+$/);
});

Deno.test("planSync() refuses a file that is no YAML together with its section", () => {
  const of = (path: string, text: string) => codes(plan(LAB, { [path]: text }));
  assert.match(of("host_vars/pro-dev.yml", "{a: 1}\n")[0] ?? "", /^TREE_FILE_BROKEN/);
  const ours = String(SYNCED["host_vars/pro-dev.yml"]);
  assert.match(of("host_vars/pro-dev.yml", ours + "---\nb: 1\n")[0] ?? "", /^TREE_FILE_BROKEN/);
  assert.match(of("site.yml", "a: 1\n")[0] ?? "", /^TREE_FILE_BROKEN/);
  assert.deepEqual(
    of("host_vars/pro-dev.yml", "s: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  61\n"),
    [],
  );
});

Deno.test("planSync() leaves a wholly vaulted file alone and says so", () => {
  const vaulted = "$ANSIBLE_VAULT;1.1;AES256\n6162\n";
  const first = plan(LAB, { ...SYNCED, "host_vars/pro-dev.yml": vaulted });
  assert.equal(status(first, "host_vars/pro-dev.yml"), "vaulted");
  assert.deepEqual(first.diagnostics.map(({ severity, code }) => `${severity} ${code}`), [
    "warning FILE_VAULTED",
  ]);
  const [error] = plan(LAB, { ...SYNCED, "inventory/pro.yml": vaulted }).diagnostics;
  assert.equal(error?.severity, "error");
});

Deno.test("planSync() removes embedded files that are no longer shipped", () => {
  const old = ".anklume/roles/gone/tasks/main.yml";
  assert.equal(status(plan(LAB, { ...SYNCED, [old]: "---\n" }), old), "removed");
});

Deno.test("syncDiff() shows new, changed and removed files as unified diffs", () => {
  const diff = syncDiff([
    { path: "a", status: "created", after: "x\n" },
    { path: "b", status: "updated", before: "1\n2\n", after: "1\n3\n" },
    { path: "c", status: "removed", before: "y\n" },
    { path: "d", status: "unchanged", before: "z\n", after: "z\n" },
  ]);
  assert.equal(
    diff,
    "--- /dev/null\n+++ b/a\n@@ -0,0 +1,1 @@\n+x\n" +
      "--- a/b\n+++ b/b\n@@ -1,2 +1,2 @@\n 1\n-2\n+3\n" +
      "--- a/c\n+++ /dev/null\n@@ -1,1 +0,0 @@\n-y\n",
  );
});

Deno.test("the user's text survives any sequence of syncs of changing infras", () => {
  const machines = fc.uniqueArray(fc.constantFrom("a", "b", "c"), { maxLength: 3 });
  const edit = fc.record({
    infra: machines.map((names) =>
      anInfra([aDomain("pro", names.map((name) => [name, { vars: { timezone: name } }] as const))])
    ),
    path: fc.constantFrom("host_vars/a.yml", "host_vars/b.yml", "inventory/pro.yml", "site.yml"),
    text: fc.constantFrom("# note\r\n", "# é\ufffd\n", "\n\n", "#\t\n# no newline"),
    clean: fc.boolean(),
  });
  fc.assert(fc.property(fc.array(edit, { maxLength: 6 }), (edits) => {
    let files: Files = write({}, plan(SMALLER, {}));
    const mine = new Map<string, string>();
    const below = (path: string) => {
      const found = findSection(String(files[path]));
      return found !== undefined && "after" in found ? found.after : undefined;
    };
    for (const { infra, path, text } of edits) {
      const file = files[path];
      if (file !== undefined && !String(file).endsWith("newline")) {
        mine.set(path, (mine.get(path) ?? below(path) ?? "") + text);
        files = { ...files, [path]: file + text };
      }
      const next = plan(infra, files);
      assert.deepEqual(next.diagnostics, []);
      files = write(files, next);
      assert.equal(plan(infra, files).entries.some(isChange), false);
      for (const [path, text] of mine) assert.equal(below(path), text);
    }
  }));
});

Deno.test("mergeManaged() and the machine's variables agree on what is data", () => {
  const machine = aMachine("a", "pro", { vars: { x: "# === END MANAGED ===\n{{ y }}" } });
  const infra = anInfra([{ ...aDomain("pro", []), machines: [machine] }]);
  const file = plan(infra, {}).entries.find(({ path }) => path === "host_vars/a.yml");
  const again = mergeManaged(file?.after, "b: 1\n", "yaml");
  assert.equal(again.kind, "merged");
});

Deno.test("syncDiff() shows neither secrets nor what is the owner's, and that they change", () => {
  const file = (body: string, own = "") =>
    `---\n# === MANAGED BY infra.yml ===\n${body}# === END MANAGED ===\n${own}`;
  const before = 'timezone: !unsafe "Europe/Paris"\ndb_password: !unsafe "LEAK1"\n' +
    'nested:\n  token:\n    - !unsafe "LEAK2"\n  plain: 1\n' +
    'blob: !unsafe "x9Kd82LEAK3mQpL7zRtVb"\n' +
    'pem: !unsafe "-----BEGIN RSA PRIVATE KEY-----\\n\\\n  LEAK4"\n';
  const after = before.replace("LEAK1", "LEAK5").replace("plain: 1", "plain: 2")
    .replace("Europe/Paris", "UTC");
  const own = "# my LEAK6\nmy_password: LEAK7\nother: LEAK8\n";
  const diff = syncDiff([
    {
      path: "host_vars/a.yml",
      status: "updated",
      before: file(before, own),
      after: file(after, own),
    },
    {
      path: "host_vars/windows.yml",
      status: "updated",
      before: file(before).replaceAll("\n", "\r\n"),
      after: file(after).replaceAll("\n", "\r\n"),
    },
    { path: "host_vars/new.yml", status: "created", after: file(before, "\n# Yours below.\n") },
    { path: "host_vars/old.yml", status: "removed", before: file(before, own) },
    {
      path: "group_vars/b.yml",
      status: "updated",
      before: own,
      after: file("x: 1\n", own),
    },
    { path: ".anklume/replaced/host_vars/a.yml.0", status: "created", after: own },
    {
      path: "group_vars/c.yml",
      status: "updated",
      before: file("token: LEAK9\n"),
      after: file("token: LEAK0\n"),
    },
  ]);
  assert.doesNotMatch(diff, /LEAK/);
  assert.match(diff, /^-timezone: !unsafe "Europe\/Paris"$/m);
  assert.match(diff, /^\+timezone: !unsafe "UTC"$/m);
  assert.match(diff, /^-db_password: !unsafe \(hidden\)$/m);
  assert.match(diff, /^\+db_password: !unsafe \(hidden, changed\)$/m);
  assert.match(diff, /^\+token: \(hidden, changed\)$/m);
  assert.match(diff, /plain: 2/);
  assert.match(diff, /yours, 3 lines: not shown/);
  assert.match(diff, /^\+# Yours below\.$/m);
});

import assert from "node:assert/strict";
import { aDomain, anInfra } from "../../lib/infra/_infra_builder.ts";
import { findAnsible } from "../../lib/ansible/find_ansible.ts";
import { provision } from "../../lib/ansible/provision.ts";
import { Workspace } from "./_workspace.ts";

const LAB = anInfra([aDomain("pro", ["a", "b", "c"])]);

/** A workspace whose machines are this host, with its own plays in place of ours. */
async function lab(plays: string): Promise<Workspace> {
  const workspace = new Workspace();
  await workspace.sync(LAB);
  workspace.local("a", "b", "c");
  workspace.write("site.yml", plays);
  return workspace;
}

/** Returns one play of one task. */
function play(hosts: string, command: string, more = ""): string {
  return `
- name: Play ${hosts}
  hosts: ${hosts}
  gather_facts: false
  tasks:
    - name: Run
      ansible.builtin.command:
        cmd: ${command}
      changed_when: true
${more}`;
}

Deno.test("findAnsible() finds Ansible and the connection plugin, whatever the locale", async () => {
  await using workspace = await lab("[]");
  const before = Deno.env.get("LC_ALL");
  Deno.env.set("LC_ALL", "C");
  try {
    const found = await findAnsible("community.general.incus", workspace.root);
    assert.equal(found.kind, "found");
    const unknown = await findAnsible("community.general.nonsense", workspace.root);
    assert.equal(
      unknown.kind === "unfit" && unknown.diagnostics[0]?.code,
      "ANSIBLE_CONNECTION_MISSING",
    );
  } finally {
    if (before === undefined) Deno.env.delete("LC_ALL");
    else Deno.env.set("LC_ALL", before);
  }
});

Deno.test("provision() reports each machine's counts, also in a world-writable workspace", async () => {
  await using workspace = await lab(play("all", "/bin/true"));
  Deno.chmodSync(workspace.root, 0o777);
  let output = "";
  const report = await provision({
    limit: ["b", "a"],
    root: workspace.root,
    output: (text) => output += text,
  });
  assert.equal(report.status, "done", output);
  assert.deepEqual(report.succeeded, ["a", "b"]);
  assert.deepEqual(report.hosts.map(({ host, changed, failed }) => ({ host, changed, failed })), [
    { host: "a", changed: 1, failed: 0 },
    { host: "b", changed: 1, failed: 0 },
  ]);
  assert.match(output, /PLAY RECAP/);
  assert.doesNotMatch(output, /WARNING/);
  // The output of tasks may be secret: none of it stays.
  assert.throws(() => Deno.statSync(`${workspace.root}/.anklume/results.jsonl`), {
    name: "NotFound",
  });
});

Deno.test("provision() marks only the machines that succeeded, and says what failed", async () => {
  await using workspace = await lab(
    play("all", "\"{{ (inventory_hostname == 'b') | ternary('false', 'true') }}\""),
  );
  const report = await provision({
    limit: ["a", "b", "c"],
    root: workspace.root,
    output: () => {},
  });
  assert.equal(report.status, "failed");
  assert.deepEqual([report.succeeded, report.failed], [["a", "c"], ["b"]]);
  assert.deepEqual(report.failures.map(({ host, kind }) => ({ host, kind })), [
    { host: "b", kind: "failed" },
  ]);
});

Deno.test("provision() carries on for the others when a play's only machine fails", async () => {
  await using workspace = await lab(
    play("a", "/bin/false") + play("b", "/bin/true") +
      play("all", "/usr/bin/touch {{ playbook_dir }}/ran-{{ inventory_hostname }}"),
  );
  const report = await provision({
    limit: ["a", "b", "c"],
    root: workspace.root,
    output: () => {},
  });
  assert.deepEqual([report.status, report.succeeded, report.failed], ["failed", ["b", "c"], ["a"]]);
  workspace.read("ran-b");
  workspace.read("ran-c");
  assert.throws(() => workspace.read("ran-a"), Deno.errors.NotFound);
});

Deno.test("provision() counts a failure that was rescued or ignored as none", async () => {
  await using workspace = await lab(play("all", "/bin/false", "      ignore_errors: true\n"));
  const report = await provision({ limit: ["a"], root: workspace.root, output: () => {} });
  assert.deepEqual([report.status, report.succeeded, report.failures], ["done", ["a"], []]);
});

Deno.test("provision() marks nobody after a run that was limited by tags", async () => {
  await using workspace = await lab(play("all", "/bin/true", "      tags: x\n"));
  const report = await provision({
    limit: ["a"],
    tags: ["x"],
    root: workspace.root,
    output: () => {},
  });
  assert.deepEqual([report.status, report.succeeded, report.failed], ["done", [], []]);
});

Deno.test("provision() shows nothing of a task with no_log", async () => {
  await using workspace = await lab(play("all", '"false hunter2"', "      no_log: true\n"));
  const report = await provision({ limit: ["a"], root: workspace.root, output: () => {} });
  assert.equal(report.status, "failed");
  assert.doesNotMatch(JSON.stringify(report.failures), /hunter2/);
});

Deno.test("provision() fails with Ansible's own words when the playbook cannot be read", async () => {
  await using workspace = await lab("- name: X\n  hosts: all\n  roles:\n    - role: nowhere\n");
  const report = await provision({ limit: ["a"], root: workspace.root, output: () => {} });
  assert.deepEqual([report.status, report.failed], ["failed", ["a"]]);
  assert.match(report.stderr, /nowhere/);
});

Deno.test("provision() waits for an interrupted run and marks nobody", async () => {
  await using workspace = await lab(play("all", "/bin/true") + play("b,a", "sleep 97"));
  const controller = new AbortController();
  let output = "";
  const report = await provision({
    limit: ["a"],
    root: workspace.root,
    signal: controller.signal,
    output: (text) => {
      output += text;
      if (output.includes("PLAY [Play b,a]")) controller.abort();
    },
  });
  assert.deepEqual([report.status, report.succeeded], ["interrupted", []]);
});

Deno.test("provision() hands on what Ansible says as it says it", async () => {
  await using workspace = await lab(
    play("all", "/bin/sh -c 'test {{ inventory_hostname }} = a || sleep 8'"),
  );
  let ended = 0;
  await provision({
    limit: ["a", "b"],
    root: workspace.root,
    output: (text) => {
      if (text.includes("changed: [a]")) ended = performance.now();
    },
  });
  assert.ok(ended > 0);
  assert.ok(performance.now() - ended > 5_000, `${performance.now() - ended} ms before the end`);
});

import assert from "node:assert/strict";
import { ansibleEnvironment } from "../../lib/ansible/ansible_environment.ts";
import { addressingOf } from "../../lib/addressing/_addressing_builder.ts";
import { readEmbeddedAnsible } from "../../lib/ansible/embedded_files.ts";
import { type PreparedSync, prepareSync } from "../../lib/ansible/sync.ts";
import { writeSync } from "../../lib/ansible/write_sync.ts";
import { hasErrors } from "../../lib/diag/diagnostic.ts";
import { runCommand } from "../../lib/host/command.ts";
import type { Infra } from "../../lib/infra/infra.ts";

/** A workspace in a temporary directory, for real Ansible. */
export class Workspace implements AsyncDisposable {
  readonly root = Deno.makeTempDirSync({ prefix: "anklume-tree-" });

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.root, { recursive: true });
  }

  prepare(infra: Infra, cleanOrphans = false): PreparedSync {
    const embedded = readEmbeddedAnsible();
    const request = { infra, addressing: addressingOf(infra), embedded, cleanOrphans };
    return prepareSync(request, { root: this.root });
  }

  /** Syncs, and expects no error. */
  async sync(infra: Infra): Promise<PreparedSync> {
    const prepared = this.prepare(infra);
    assert.equal(
      hasErrors(prepared.plan.diagnostics),
      false,
      JSON.stringify(prepared.plan, null, 1),
    );
    await writeSync(prepared.plan, { root: this.root });
    return prepared;
  }

  read(path: string): string {
    return Deno.readTextFileSync(`${this.root}/${path}`);
  }

  write(path: string, text: string): void {
    Deno.mkdirSync(`${this.root}/${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
    Deno.writeTextFileSync(`${this.root}/${path}`, text);
  }

  append(path: string, text: string): void {
    this.write(path, this.read(path) + text);
  }

  /** Runs one of Ansible's programs as anklume does; a warning on either stream is a failure. */
  async ansible(...argv: [string, ...string[]]): Promise<string> {
    const { stdout, stderr } = await runCommand(argv, {
      cwd: this.root,
      env: ansibleEnvironment(),
    });
    assert.equal(stderr, "");
    assert.doesNotMatch(stdout, /\[(WARNING|DEPRECATION|ERROR)/);
    return stdout;
  }

  /** Makes this host stand for the machines, so that plays run without a daemon. */
  local(...machines: string[]): void {
    for (const machine of machines) {
      const python = 'ansible_python_interpreter: "{{ ansible_playbook_python }}"\n';
      this.append(`host_vars/${machine}.yml`, `ansible_connection: local\n${python}`);
    }
  }
}

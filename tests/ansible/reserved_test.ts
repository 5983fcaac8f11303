import assert from "node:assert/strict";
import { ansibleEnvironment } from "../../lib/ansible/ansible_environment.ts";
import { runCommand } from "../../lib/host/command.ts";
import { reservedName } from "../../lib/infra/check/reserved_variables.ts";

Deno.test("no name that the installed Ansible keeps for itself can be a variable of infra.yml", async () => {
  const reader = new URL("read_reserved.py", import.meta.url).pathname;
  const { stdout } = await runCommand(["python3", reader], { env: ansibleEnvironment() });
  const names = JSON.parse(stdout) as string[];
  // One name of each source, so that none was left out.
  for (const name of ["hosts", "hostvars", "ansible_incus_project", "lookup", "lambda"]) {
    assert.ok(names.includes(name), name);
  }
  assert.deepEqual(names.filter((name) => reservedName(name) === undefined), []);
});

Deno.test("names of roles' variables are free", () => {
  for (
    const name of ["timezone", "my_port", "web_server_name", "ansible", "host", "users", "hosts_"]
  ) {
    assert.equal(reservedName(name), undefined, name);
  }
});

import assert from "node:assert/strict";
import { aDomain, anInfra } from "../../lib/infra/_infra_builder.ts";
import { ansibleEnvironment } from "../../lib/ansible/ansible_environment.ts";
import { runCommand } from "../../lib/host/command.ts";
import { Workspace } from "./_workspace.ts";

/**
 * Replaces Incus's client: commands run on this host, and files are copied, but the first `times`
 * transfers fail with this message. The real client fails so once in hundreds.
 */
const CLIENT = (place: string, times: number, words: string) =>
  `#!/bin/sh
if [ "$3" = exec ]; then shift 5; exec "$@"; fi
echo "$4" >>${place}/transfers
if [ "$(wc -l <${place}/transfers)" -le ${times} ]; then echo 'Error: ${words}' >&2; exit 1; fi
case $4 in
  push) cp "$6" "/\${7#*/}" ;;
  pull) cat "/\${6#*/}" ;;
esac
`;
const SOCKET_GONE =
  "Failed getting instance SFTP connection: dial unix /proc/self/fd/28/forkfile.sock: connect: no such file or directory";

/**
 * Runs Ansible's `push` or `pull` of one file with such a client; returns its output and the number
 * of attempts.
 */
async function transfer(verb: "push" | "pull", times: number, words: string) {
  await using workspace = new Workspace();
  await workspace.sync(anInfra([aDomain("pro", ["a"])]));
  const programs = await Deno.makeTempDir({ prefix: "anklume-client-" });
  try {
    Deno.writeTextFileSync(`${programs}/incus`, CLIENT(programs, times, words), { mode: 0o755 });
    workspace.write("from", "its text\n");
    const [from, to] = [`${workspace.root}/from`, `${workspace.root}/to`];
    const arguments_ = `src=${from} dest=${to} ${verb === "pull" ? "flat=true" : ""}`;
    const env = ansibleEnvironment();
    const { code, stdout, stderr } = await runCommand(
      [
        "ansible",
        "a",
        "-m",
        verb === "push" ? "copy" : "fetch",
        "-a",
        arguments_,
        "-e",
        "ansible_python_interpreter=/usr/bin/python3",
      ],
      {
        cwd: workspace.root,
        env: { ...env, PATH: `${programs}:${env["PATH"]}` },
        okCodes: [0, 2],
      },
    );
    const tried = Deno.readTextFileSync(`${programs}/transfers`).split("\n")
      .filter((each) => each === verb).length;
    if (code === 0) assert.equal(workspace.read("to"), "its text\n");
    return { code, said: stdout + stderr, tried };
  } finally {
    await Deno.remove(programs, { recursive: true });
  }
}

for (const verb of ["push", "pull"] as const) {
  Deno.test(`a file that Incus could not ${verb}, as its own socket was just gone, is tried again`, async () => {
    const { code, said } = await transfer(verb, 2, SOCKET_GONE);
    assert.equal(code, 0, said);
  });
}

Deno.test("what fails otherwise, or on and on, fails with Incus's words", async () => {
  const refused = await transfer("pull", 100, "Not Found");
  assert.equal(refused.code, 2, refused.said);
  assert.equal(refused.tried, 1);
  assert.match(refused.said, /a file was not read: Error: Not Found/);
  const gone = await transfer("pull", 100, SOCKET_GONE);
  assert.equal(gone.code, 2, gone.said);
  assert.equal(gone.tried, 5);
  assert.match(gone.said, /a file was not read: Error: Failed getting instance SFTP/);
});

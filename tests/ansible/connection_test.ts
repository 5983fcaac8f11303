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
 * The same, for commands: it begins to read 0.3 s late, and what a program has said that has ended
 * by then is lost. The real one does so now and then on a busy host.
 */
const LATE_CLIENT = `#!/usr/bin/python3
import subprocess, sys, threading, time
program = subprocess.Popen(sys.argv[6:], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
def forward(stream, own):
    # In pieces that cut whatever marks an end.
    while piece := stream.read1(20):
        own.buffer.write(piece)
        own.buffer.flush()
time.sleep(0.3)
if program.poll() is None:
    pairs = ((program.stdout, sys.stdout), (program.stderr, sys.stderr))
    threads = [threading.Thread(target=forward, args=pair) for pair in pairs]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
sys.exit(program.wait())
`;

/** Runs one of Ansible's modules with this client of Incus. `look` is called before all is removed. */
async function withClient<T>(
  client: (place: string) => string,
  module: (root: string) => readonly string[],
  look: (outcome: { code: number; said: string; programs: string; workspace: Workspace }) => T,
): Promise<T> {
  await using workspace = new Workspace();
  await workspace.sync(anInfra([aDomain("pro", ["a"])]));
  const programs = await Deno.makeTempDir({ prefix: "anklume-client-" });
  try {
    Deno.writeTextFileSync(`${programs}/incus`, client(programs), { mode: 0o755 });
    workspace.write("from", "its text\n");
    const env = ansibleEnvironment();
    const { code, stdout, stderr } = await runCommand(
      [
        "ansible",
        "a",
        "-e",
        "ansible_python_interpreter=/usr/bin/python3",
        ...module(workspace.root),
      ],
      {
        cwd: workspace.root,
        env: { ...env, PATH: `${programs}:${env["PATH"]}` },
        okCodes: [0, 2],
      },
    );
    return look({ code, said: stdout + stderr, programs, workspace });
  } finally {
    await Deno.remove(programs, { recursive: true });
  }
}

/**
 * Runs Ansible's `push` or `pull` of one file with a client that fails so often; returns its output
 * and the number of attempts.
 */
function transfer(verb: "push" | "pull", times: number, words: string) {
  return withClient(
    (place) => CLIENT(place, times, words),
    (root) => [
      "-m",
      verb === "push" ? "copy" : "fetch",
      "-a",
      `src=${root}/from dest=${root}/to ${verb === "pull" ? "flat=true" : ""}`,
    ],
    ({ code, said, programs, workspace }) => {
      if (code === 0) assert.equal(workspace.read("to"), "its text\n");
      const tried = Deno.readTextFileSync(`${programs}/transfers`).split("\n")
        .filter((each) => each === verb).length;
      return { code, said, tried };
    },
  );
}

for (
  const [what, module, word] of [
    ["command", ["-m", "command", "-a", "echo its-word"], /its-word/],
    // Its own input, which ends before that of the connection.
    ["module with input", ["-m", "shell", "-a", "cat stdin=its-input"], /its-input/],
    ["status", ["-m", "raw", "-a", "echo its-word; exit 7"], /rc=7[^]*its-word/],
    ["error", ["-m", "raw", "-a", "echo its-error >&2; exit 7"], /its-error/],
  ] as const
) {
  Deno.test(`the ${what} of a program that ends at once is not lost`, async () => {
    const { said } = await withClient(() => LATE_CLIENT, () => module, (outcome) => outcome);
    assert.match(said, word);
    assert.doesNotMatch(said, /deserialization|[0-9a-f]{32}/i);
  });
}

/** Ends its output and reads its input at one moment: the connection is stopped meanwhile. */
const SUDDEN_CLIENT = `#!/usr/bin/python3
import os, re, signal, sys, time
mark = re.search("printf %s ([0-9a-f]{32})", sys.argv[-1])[1]
time.sleep(0.2)
os.kill(os.getppid(), signal.SIGSTOP)
for stream in (sys.stdout, sys.stderr):
    stream.write(mark)
    stream.flush()
os.read(0, 65536)
os.kill(os.getppid(), signal.SIGCONT)
while os.read(0, 65536): pass
`;

Deno.test("the end of the output may come together with room for more input", async () => {
  const { said } = await withClient(
    () => SUDDEN_CLIENT,
    () => ["-m", "command", "-a", "true"],
    (outcome) => outcome,
  );
  // There was no answer of a module in it.
  assert.match(said, /deserialization|MODULE FAILURE|No start of json/i);
  assert.doesNotMatch(said, /closed file/);
});

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

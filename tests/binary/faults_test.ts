import assert from "node:assert/strict";
import {
  anklume,
  type Answer,
  BIN,
  inNamespace,
  looksLikeATrace,
  run,
  shell,
  SMALL,
  withWorkspace,
} from "./binary.ts";

/** Asserts a message for users: the fault, and what to do. */
function assertSentence({ err }: Answer, says: RegExp): void {
  assert.match(err.replace(/\n +/g, " "), says);
  assert.equal(looksLikeATrace(err), false, err);
  assert.match(err, /[.!?]\n$/);
}

Deno.test("no socket: Incus is not installed, and how to install it", async () => {
  await withWorkspace(SMALL, async (cwd) => {
    for (const verb of ["check", "apply", "status", "destroy --yes"]) {
      const answer = await inNamespace(`"$BIN" ${verb}`, { cwd });
      assert.equal(answer.code, 1, verb);
      assertSentence(answer, /Cannot reach Incus at .*: there is no such socket.*install/is);
    }
  });
});

Deno.test("a socket nobody listens on: the daemon is down, and how to start it", async () => {
  await withWorkspace(SMALL, async (cwd) => {
    const answer = await inNamespace(
      `python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("/var/lib/incus/unix.socket")'
       "$BIN" check`,
      { cwd },
    );
    assert.equal(answer.code, 1);
    assertSentence(answer, /nothing is listening there.*systemctl start incus/is);
  });
});

Deno.test("a socket that may not be opened: which group to join", async () => {
  await withWorkspace(SMALL, async (cwd) => {
    const answer = await inNamespace(
      `python3 -c 'import os,socket; s=socket.socket(socket.AF_UNIX); s.bind("/var/lib/incus/unix.socket"); s.listen(); os.chmod("/var/lib/incus/unix.socket", 0o600); import time; time.sleep(20)' &
       server=$!
       until [ -S /var/lib/incus/unix.socket ]; do sleep 0.05; done
       # The checkout may lie where nobody but root goes.
       cp "$BIN" /var/lib/anklume && chmod 755 /var/lib/anklume
       mkdir /var/lib/workspace && cp infra.yml /var/lib/workspace && cd /var/lib/workspace
       setpriv --reuid=65534 --regid=65534 --clear-groups env HOME=/nonexistent /var/lib/anklume check
       status=$?; kill $server; exit $status`,
      { cwd },
    );
    assert.equal(answer.code, 1);
    assertSentence(answer, /permission denied.*incus-admin/is);
  });
});

Deno.test("a workspace that is read-only is left, with a sentence", async () => {
  await withWorkspace(SMALL, async (cwd) => {
    const answer = await inNamespace(
      `mount --bind . . && mount -o remount,ro,bind . && cd "$PWD" && "$BIN" sync`,
      { cwd },
    );
    assert.equal(answer.code, 1);
    assertSentence(answer, /Cannot \w+ .*: the file system is read-only/);
    const { code } = await inNamespace(
      `mount --bind . . && mount -o remount,ro,bind . && cd "$PWD" && "$BIN" validate`,
      { cwd },
    );
    assert.equal(code, 0, "what only reads works");
  });
});

Deno.test("a full disk is a sentence, and leaves every file whole", async () => {
  await withWorkspace(SMALL, async (cwd) => {
    const answer = await inNamespace(
      `mount -t tmpfs -o size=40k none . && cd "$PWD" &&
       printf '%s' "$INFRA" > infra.yml && "$BIN" sync; status=$?
       find . -name '*.tmp'; find . -name '*.yml' -empty; exit $status`,
      { cwd, env: { INFRA: SMALL } },
    );
    assert.equal(answer.code, 1);
    assertSentence(answer, /the disk is full/);
    assert.doesNotMatch(answer.out, /^\.\//m);
  });
});

Deno.test("a hostile environment changes nothing", async () => {
  await withWorkspace(SMALL, async (cwd) => {
    const plain = await anklume(["validate"], { cwd });
    for (
      const env of [
        { LANG: "C", LC_ALL: "C" },
        { LANG: "xx_XX.nonsense", LC_ALL: "tlh" },
        { PATH: "" },
        { PATH: "/nowhere:.::relative" },
        { HOME: "/nonexistent", TMPDIR: "/nonexistent" },
        { TERM: "", COLUMNS: "-1" },
        { NODE_OPTIONS: "--inspect", NODE_DEBUG: "fs", DEBUG: "*" },
        { DENO_DIR: "/nonexistent", DENO_NO_PROMPT: "0" },
      ] as Record<string, string>[]
    ) {
      const answer = await anklume(["validate"], { cwd, env });
      assert.deepEqual(answer, plain, JSON.stringify(env));
    }
  });
});

Deno.test("no environment at all changes nothing", async () => {
  await withWorkspace(SMALL, async (cwd) => {
    const plain = await anklume(["validate"], { cwd });
    assert.equal(plain.code, 0, plain.err);
    assert.deepEqual(await run(["env", "--ignore-environment", BIN, "validate"], { cwd }), plain);
  });
});

Deno.test("LD_PRELOAD stops no verb that runs programs", async () => {
  await withWorkspace(SMALL, async (cwd) => {
    // Deno itself refuses to start a program where the environment has such a variable.
    const findings = async (env: string) => {
      const { out, err } = await shell(`${env} "$BIN" doctor --json`, { cwd });
      assert.notEqual(out, "", err);
      return (JSON.parse(out) as { findings: { check: string; detail: string }[] }).findings;
    };
    const plain = await findings("");
    const nft = plain.find(({ check }) => check === "nft");
    assert.match(nft?.detail ?? "", /\d+\.\d+\.\d+/, "nft itself was run");
    assert.deepEqual(
      await findings("LD_PRELOAD=/nonexistent.so LD_LIBRARY_PATH=/nonexistent"),
      plain,
    );
  });
});

Deno.test("what cannot be read is a sentence: a directory, a device, bytes that are no text", async () => {
  await withWorkspace(undefined, async (cwd) => {
    for (
      const make of [
        "mkdir infra.yml",
        "mkfifo infra.yml",
        String.raw`printf '\xff\xfe\x00' > infra.yml`,
        "ln -s loop infra.yml; ln -s infra.yml loop",
        "ln -s /etc/shadow infra.yml",
      ]
    ) {
      const answer = await shell(
        `rm -rf infra.yml loop; ${make}; timeout 20 "$BIN" validate`,
        { cwd },
      );
      assert.ok(answer.code === 1 || answer.code === 2, `${make}: ${answer.code}`);
      assert.notEqual(answer.err, "", make);
      assert.equal(looksLikeATrace(answer.err), false, answer.err);
    }
  });
});

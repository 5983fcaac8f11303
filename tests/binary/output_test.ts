import assert from "node:assert/strict";
import { anklume, looksLikeATrace, shell, SMALL, withWorkspace } from "./binary.ts";

// deno-lint-ignore no-control-regex -- colours are looked for
const ESCAPE = /\u001b\[/;

Deno.test("a pipe gets no colours, and FORCE_COLOR gets them all the same", async () => {
  await withWorkspace(SMALL, async (cwd) => {
    assert.doesNotMatch((await anklume(["roles"], { cwd })).out, ESCAPE);
    assert.doesNotMatch((await anklume(["roles"], { cwd, env: { CI: "1" } })).out, ESCAPE);
    assert.match((await anklume(["roles"], { cwd, env: { FORCE_COLOR: "1" } })).out, ESCAPE);
    const both = { FORCE_COLOR: "1", NO_COLOR: "1" };
    assert.doesNotMatch((await anklume(["roles"], { cwd, env: both })).out, ESCAPE);
  });
});

Deno.test("a terminal gets colours, and NO_COLOR takes them away", async () => {
  await withWorkspace(SMALL, async (cwd) => {
    const line = `script -qec '"$BIN" --help' /dev/null`;
    assert.match((await shell(line, { cwd })).out, ESCAPE);
    assert.doesNotMatch((await shell(line, { cwd, env: { NO_COLOR: "1" } })).out, ESCAPE);
  });
});

Deno.test("a reader that goes away is no failure", async () => {
  await withWorkspace(SMALL, async (cwd) => {
    for (const verb of ["schema", "--help", "sync --dry-run", "completions bash"]) {
      const { code, out, err } = await shell(
        `set -o pipefail; "$BIN" ${verb} | head -1 > first; cat first`,
        { cwd },
      );
      assert.equal(code, 0, `${verb}: ${err}`);
      assert.equal(err, "", verb);
      assert.notEqual(out, "", verb);
    }
  });
});

Deno.test("a reader that never was is no failure", async () => {
  const { code, err } = await shell(`set -o pipefail; "$BIN" schema | (exec <&-; sleep 0.3)`);
  assert.deepEqual({ code, err }, { code: 0, err: "" });
});

Deno.test("a closed standard output is no stack trace", async () => {
  for (const verb of ["schema", "--version", "--help", "roles"]) {
    const { err } = await shell(`"$BIN" ${verb} >&-`);
    assert.equal(looksLikeATrace(err), false, err);
    const both = await shell(`"$BIN" ${verb} >&- 2>&- <&-`);
    assert.equal(looksLikeATrace(both.out), false);
  }
});

Deno.test("output onto a full disk is a failure that says so", async () => {
  for (const verb of ["schema", "completions bash", "completions zsh", "completions fish"]) {
    const { code, err } = await shell(`"$BIN" ${verb} > /dev/full`);
    assert.equal(code, 1, verb);
    assert.match(err, /^anklume: Cannot write the output: No space left on device/, verb);
    assert.equal(looksLikeATrace(err), false);
  }
});

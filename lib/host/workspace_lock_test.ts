import assert from "node:assert/strict";
import { FileError } from "./file_error.ts";
import { lockWorkspace } from "./workspace_lock.ts";

const TAKE = `
  import { lockWorkspace } from ${JSON.stringify(import.meta.resolve("./workspace_lock.ts"))};
  try {
    await lockWorkspace();
    console.log("locked", Deno.pid);
    if (Deno.args[0] === "hold") await new Promise((resolve) => setTimeout(resolve, 60_000));
  } catch (error) {
    console.log(error.name, error.pid, error.since);
    Deno.exit(3);
  }`;

/** Another process, with the binary's grants, that takes the lock of `cwd`. */
function take(cwd: string, ...args: string[]): Deno.ChildProcess {
  const url = `data:application/typescript;base64,${btoa(TAKE)}`;
  const flags = ["--no-prompt", "--allow-read=.", "--allow-write=.", "--ignore-env"];
  return new Deno.Command(Deno.execPath(), {
    args: ["run", ...flags, url, ...args],
    cwd,
    stdout: "piped",
  }).spawn();
}

async function inTemporaryDirectory(run: (root: string) => Promise<void>): Promise<void> {
  const root = await Deno.makeTempDir({ prefix: "anklume-lock-" });
  try {
    await run(root);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

Deno.test("lockWorkspace() refuses a second process, with the pid and time of the first", () =>
  inTemporaryDirectory(async (root) => {
    const clock = (): number => Date.UTC(2026, 0, 2, 3, 4, 5);
    using _lock = await lockWorkspace({ root, clock });
    const second = await take(root).output();
    assert.equal(second.code, 3);
    assert.equal(
      new TextDecoder().decode(second.stdout),
      `LockedError ${Deno.pid} 2026-01-02T03:04:05.000Z\n`,
    );
  }));

Deno.test("lockWorkspace() can be taken again once released", () =>
  inTemporaryDirectory(async (root) => {
    (await lockWorkspace({ root })).release();
    const second = await take(root).output();
    assert.equal(second.code, 0);
  }));

Deno.test("lockWorkspace() is not held by a process that was killed", () =>
  inTemporaryDirectory(async (root) => {
    const holder = take(root, "hold");
    const reader = holder.stdout.getReader();
    const { value } = await reader.read();
    assert.equal(new TextDecoder().decode(value), `locked ${holder.pid}\n`);
    holder.kill("SIGKILL");
    await holder.status;
    await reader.cancel();
    using lock = await lockWorkspace({ root });
    assert.ok(lock);
  }));

Deno.test("lockWorkspace() refuses a lock that is a symbolic link", () =>
  inTemporaryDirectory(async (root) => {
    await Deno.mkdir(`${root}/.anklume`);
    await Deno.symlink("/etc/passwd", `${root}/.anklume/lock`);
    await assert.rejects(
      lockWorkspace({ root }),
      (error) => error instanceof FileError && error.reason === "symlink",
    );
  }));

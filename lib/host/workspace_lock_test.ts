import { setTimeout as sleep } from "node:timers/promises";
import assert from "node:assert/strict";
import { FileError } from "./file_error.ts";
import { lockWorkspace } from "./workspace_lock.ts";

const TAKE = `
  import { lockWorkspace } from ${JSON.stringify(import.meta.resolve("./workspace_lock.ts"))};
  try {
    if (Deno.args[0] === "ask") console.log("asking");
    await lockWorkspace();
    console.log("locked", Deno.pid);
    if (Deno.args[0] === "hold") await new Promise((resolve) => setTimeout(resolve, 60_000));
  } catch (error) {
    console.log(error.name, error.pid, error.since);
    Deno.exit(3);
  }`;

/**
 * Starts another process, with the binary's grants, that takes the lock of `cwd`. The words of
 * `wrapper` come before its command.
 */
function take(cwd: string, args: string[] = [], wrapper: string[] = []): Deno.ChildProcess {
  const url = `data:application/typescript;base64,${btoa(TAKE)}`;
  const flags = [
    "--no-prompt",
    "--allow-read=.",
    "--allow-write=.",
    "--allow-run=unshare",
    "--ignore-env",
  ];
  const [program, ...rest] = [...wrapper, Deno.execPath()] as [string];
  return new Deno.Command(program, {
    args: [...rest, "run", ...flags, url, ...args],
    cwd,
    stdout: "piped",
  }).spawn();
}

async function inTemporaryDirectory(run: (root: string) => Promise<void>): Promise<void> {
  // Not below the checkout: only root may be able to enter that.
  const root = await Deno.makeTempDir({ dir: "/tmp", prefix: "anklume-lock-" });
  try {
    await run(root);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

const asRoot = { ignore: Deno.uid() !== 0 };

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
    const holder = take(root, ["hold"]);
    const reader = holder.stdout.getReader();
    const { value } = await reader.read();
    assert.equal(new TextDecoder().decode(value), `locked ${holder.pid}\n`);
    holder.kill("SIGKILL");
    await holder.status;
    await reader.cancel();
    using lock = await lockWorkspace({ root });
    assert.ok(lock);
  }));

Deno.test(
  "lockWorkspace() that is late is refused only where somebody has the lock",
  asRoot,
  () =>
    inTemporaryDirectory(async (root) => {
      // Inside the pid namespace the kernel names no process outside of it. A lock that is held
      // then looks like a thread that has not run yet.
      const apart = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"];
      const lock = await lockWorkspace({ root });
      const refused = await take(root, [], apart).output();
      assert.equal(new TextDecoder().decode(refused.stdout), "LockedError undefined undefined\n");
      const late = take(root, ["ask"], apart);
      const reader = late.stdout.pipeThrough(new TextDecoderStream()).getReader();
      assert.equal((await reader.read()).value, "asking\n");
      await sleep(1_000);
      lock.release();
      assert.match((await reader.read()).value ?? "", /^locked \d+\n$/);
      assert.equal((await late.status).code, 0);
      await reader.cancel();
    }),
);

Deno.test("lockWorkspace() refuses a lock that is a symbolic link", () =>
  inTemporaryDirectory(async (root) => {
    await Deno.mkdir(`${root}/.anklume`);
    await Deno.symlink("/etc/passwd", `${root}/.anklume/lock`);
    await assert.rejects(
      lockWorkspace({ root }),
      (error) => error instanceof FileError && error.reason === "symlink",
    );
  }));

/**
 * Starts another program that holds a lock on the file: for reading if `shared`, as another user if
 * `uid` is given.
 */
async function holding(
  file: string,
  options: { readonly shared?: true; readonly uid?: number },
  run: (pid: number) => Promise<void>,
): Promise<void> {
  const kind = options.shared ? "--shared" : "--exclusive";
  const child = new Deno.Command("flock", {
    cwd: "/",
    args: [kind, "--no-fork", file, "sh", "-c", "echo held; exec sleep 60"],
    stdout: "piped",
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
  }).spawn();
  const reader = child.stdout.getReader();
  try {
    const { value } = await reader.read();
    assert.equal(new TextDecoder().decode(value), "held\n");
    await run(child.pid);
  } finally {
    child.kill("SIGKILL");
    await child.status;
    await reader.cancel();
  }
}

Deno.test("the lock can be opened by those alone who may write in the workspace", () =>
  inTemporaryDirectory(async (root) => {
    const bits = () => Deno.statSync(`${root}/.anklume/lock`).mode! & 0o777;
    (await lockWorkspace({ root })).release();
    assert.equal(bits(), 0o600);
    await Deno.remove(`${root}/.anklume/lock`);
    await Deno.chmod(root, 0o770);
    const before = Deno.umask(0o022);
    (await lockWorkspace({ root })).release();
    Deno.umask(before);
    assert.equal(bits() & 0o007, 0);
  }));

Deno.test(
  "a reader of a lock that an older anklume left readable blocks nobody",
  asRoot,
  () =>
    inTemporaryDirectory(async (root) => {
      await Deno.chmod(root, 0o755);
      await Deno.mkdir(`${root}/.anklume`);
      await Deno.writeTextFile(
        `${root}/.anklume/lock`,
        `{"pid":1,"since":"2026-01-01T00:00:00Z"}\n`,
      );
      await Deno.chmod(`${root}/.anklume/lock`, 0o664);
      await holding(`${root}/.anklume/lock`, { shared: true, uid: 12345 }, async () => {
        using lock = await lockWorkspace({ root });
        assert.ok(lock);
        assert.equal(Deno.statSync(`${root}/.anklume/lock`).mode! & 0o777, 0o600);
        assert.equal((await take(root).output()).code, 3);
      });
    }),
);

// The thread of the last refusal still waits when the test ends. Nobody uses the lock that it gets.
const outlived = { sanitizeOps: false, sanitizeResources: false };

Deno.test(
  "the process that is named is the one that holds the lock, whatever stands in the file",
  outlived,
  () =>
    inTemporaryDirectory(async (root) => {
      (await lockWorkspace({ root })).release();
      const file = `${root}/.anklume/lock`;
      await Deno.writeTextFile(file, `{"pid":1,"since":"2026-01-01T00:00:00Z"}\n`);
      await holding(file, {}, async (pid) => {
        const refused = await take(root).output();
        assert.equal(new TextDecoder().decode(refused.stdout), `LockedError ${pid} undefined\n`);
        const error = await lockWorkspace({ root }).catch((error) => error);
        assert.match(
          error.message,
          new RegExp(`Another program \\(sleep, process ${pid}\\) is working`),
        );
      });
    }),
);

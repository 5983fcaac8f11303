import assert from "node:assert/strict";
import { FileError } from "./file_error.ts";
import { listDirectory, readTextFile } from "./workspace_file.ts";
import { removeFile, removeTree } from "./change_files.ts";
import { lockWorkspace } from "./workspace_lock.ts";
import { makeDirectory, writeFileAtomic } from "./write_file.ts";

const asRoot = { ignore: Deno.uid() !== 0 };
const OWNER = 12345;

/**
 * The owner of a workspace. They replace its directories by links to one of root's, in one step and
 * as fast as they can.
 */
const EXCHANGE = `
import ctypes, os, random, sys
libc = ctypes.CDLL(None)
pairs = [(b"d", b"d.link"), (b".anklume", b"a.link")]
for _, link in pairs: os.symlink(sys.argv[1], link)
print("ready", flush=True)
def exchange():
    for here, link in pairs: libc.renameat2(-100, here, -100, link, 2)
while True:
    # Long enough as it should be for root to begin, and short enough for root to be in the middle of it.
    for _ in range(random.randrange(1, 5000)): pass
    exchange()
    for _ in range(random.randrange(1, 2000)): pass
    exchange()
    for here, link in pairs:
        if os.path.islink(here): libc.renameat2(-100, here, -100, link, 2)
`;

/** An owner who puts a link to a file of root's in the place of every file that root creates. */
const SNATCH = `
import os, sys
print("ready", flush=True)
while True:
    for name in ("d", "d.link", ".anklume", "a.link"):
        try:
            for each in os.listdir(name):
                if each.startswith(".") or each == "lock":
                    os.symlink(sys.argv[1] + "/secret", name + "/snatched")
                    os.rename(name + "/snatched", name + "/" + each)
                    os.unlink(name + "/" + each)
        except OSError: pass
`;

interface Scene {
  /** A workspace of another user, with the directories `d` and `.anklume` in it. */
  readonly root: string;
  /** A directory of root's. Others may enter it but not write in it. */
  readonly victim: string;
}

async function withScene(run: (scene: Scene) => Promise<void>): Promise<void> {
  // Not below the checkout: only root may be able to enter that.
  const top = await Deno.makeTempDir({ dir: "/tmp", prefix: "anklume-hands-" });
  const [root, victim] = [`${top}/ws`, `${top}/etc`];
  try {
    await Deno.chmod(top, 0o755);
    for (const directory of [root, `${root}/d`, `${root}/.anklume`]) {
      await Deno.mkdir(directory);
      await Deno.chown(directory, OWNER, OWNER);
    }
    await Deno.mkdir(victim);
    await Deno.writeTextFile(`${victim}/secret`, "root's alone", { mode: 0o600 });
    await run({ root, victim });
  } finally {
    await Deno.remove(top, { recursive: true });
  }
}

async function underAttack({ root, victim }: Scene, run: () => Promise<void>): Promise<void> {
  const attackers = [EXCHANGE, SNATCH].map((program) =>
    new Deno.Command("/usr/bin/python3", {
      args: ["-c", program, victim],
      cwd: root,
      uid: OWNER,
      gid: OWNER,
      stdout: "piped",
    }).spawn()
  );
  const readers = attackers.map(({ stdout }) => stdout.getReader());
  try {
    for (const reader of readers) await reader.read();
    await run();
  } finally {
    for (const attacker of attackers) attacker.kill("SIGKILL");
    for (const { status } of attackers) await status;
    for (const reader of readers) await reader.cancel();
  }
}

/**
 * Ignores every `FileError`: a refusal because of the attacker is no failure of the test. Other
 * errors are.
 */
async function tolerantly(work: () => Promise<unknown>): Promise<void> {
  // Waits a random time. A process that just woke up finds the attacker at nearly the same step
  // each time.
  for (const end = performance.now() + 2 * Math.random(); performance.now() < end;);
  try {
    await work();
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
  }
}

Deno.test(
  "an owner who races root's writes gains no file and loses none of root's",
  asRoot,
  () =>
    withScene(async (scene) => {
      const { root, victim } = scene;
      const before = Deno.statSync(`${victim}/secret`);
      let written = 0;
      await underAttack(scene, async () => {
        // At least one write must succeed. Otherwise the test shows no race.
        for (let round = 0; round < 25 || (written === 0 && round < 400); round++) {
          const name = `d/file-${round % 5}.yml`;
          await tolerantly(async () => {
            await writeFileAtomic(name, "round " + round, { root });
            written++;
          });
          await tolerantly(() => makeDirectory(`d/made-${round}/x`, root));
          await tolerantly(() => removeFile(`d/secret`, { root }));
          await tolerantly(async () => (await lockWorkspace({ root })).release());
          await tolerantly(() =>
            Promise.resolve(
              assert.doesNotMatch(readOf(root), /users other than root can change it/),
            )
          );
        }
      });
      assert.deepEqual(listDirectory(".", { root: victim }).map(({ name }) => name), ["secret"]);
      const after = Deno.statSync(`${victim}/secret`);
      assert.deepEqual(
        [after.uid, after.gid, after.mode, after.ino, after.size],
        [before.uid, before.gid, before.mode, before.ino, before.size],
      );
      assert.ok(written > 0);
    }),
);

/** Returns the text of all files that are in `d` now. */
function readOf(root: string): string {
  return listDirectory("d", { root }).map(({ name }) => {
    try {
      return readTextFile(`d/${name}`, { root });
    } catch {
      return "";
    }
  }).join("");
}

Deno.test(
  "in somebody's workspace root writes with their rights: new files are theirs, bits stay, nothing is left",
  asRoot,
  () =>
    withScene(async ({ root }) => {
      await writeFileAtomic("d/deep/er/new.yml", "new\n", { root });
      await writeFileAtomic("odd -n $(x)'\n\"/--f", "odd\n", { root });
      await Deno.writeTextFile(`${root}/d/old.yml`, "old\n");
      await Deno.chown(`${root}/d/old.yml`, OWNER, OWNER);
      await Deno.chmod(`${root}/d/old.yml`, 0o750);
      const chunks = async function* () {
        for (const text of ["a", "b".repeat(200_000), "c"]) yield new TextEncoder().encode(text);
      };
      await writeFileAtomic("d/old.yml", chunks(), { root });
      for (
        const [path, mode, size] of [["d/deep/er/new.yml", 0o644, 4], [
          "d/old.yml",
          0o750,
          200_002,
        ]] as const
      ) {
        const { uid, gid, mode: bits, size: length } = Deno.statSync(`${root}/${path}`);
        assert.deepEqual([uid, gid, bits! & 0o7777, length], [OWNER, OWNER, mode, size], path);
      }
      assert.equal(Deno.statSync(`${root}/d/deep/er`).uid, OWNER);
      assert.equal(await Deno.readTextFile(`${root}/odd -n $(x)'\n"/--f`), "odd\n");
      const broken = async function* (): AsyncGenerator<Uint8Array<ArrayBuffer>> {
        yield new TextEncoder().encode("half");
        throw new Error("the machine went away");
      };
      await assert.rejects(writeFileAtomic("d/old.yml", broken(), { root }), /went away/);
      assert.equal(Deno.statSync(`${root}/d/old.yml`).size, 200_002);
      assert.deepEqual(listDirectory("d", { root }).map(({ name }) => name), ["deep", "old.yml"]);
      assert.equal(await removeTree("d/deep", { root }), true);
      assert.equal(await removeFile("d/old.yml", { root }), true);
      assert.deepEqual(listDirectory("d", { root }), []);
    }),
);

Deno.test(
  "a file that the owner may not read or enter is refused or stays root's, with a message",
  asRoot,
  () =>
    withScene(async ({ root }) => {
      const reason = async (path: string) => {
        try {
          await writeFileAtomic(path, "mine\n", { root });
        } catch (error) {
          return error instanceof FileError ? error.reason : String(error);
        }
      };
      // A file of root's that the directory's owner may not read would become theirs, with its
      // content.
      await Deno.writeTextFile(`${root}/d/private`, "root's", { mode: 0o600 });
      assert.equal(await reason("d/private"), "owner");
      await Deno.symlink("/etc", `${root}/link`);
      assert.equal(await reason("link/x"), "symlink");
      await Deno.mkdir(`${root}/full`);
      // Root can still write in its own directory. A new file there gets the workspace's owner.
      assert.equal(await reason("full/new"), undefined);
      assert.equal(Deno.statSync(`${root}/full/new`).uid, OWNER);
      await Deno.chmod(`${root}/d`, 0o555);
      assert.equal(await reason("d/new"), "denied");
    }),
);

Deno.test(
  "in a directory of root's that a group writes in, root goes down it step by step",
  asRoot,
  () =>
    withScene(async ({ root }) => {
      await Deno.chown(root, 0, OWNER);
      await Deno.chmod(root, 0o2775);
      await writeFileAtomic("shared/new.yml", "new\n", { root });
      assert.equal(await Deno.readTextFile(`${root}/shared/new.yml`), "new\n");
      assert.equal(Deno.statSync(`${root}/shared/new.yml`).uid, 0);
      assert.equal(Deno.statSync(`${root}/shared/new.yml`).gid, OWNER);
    }),
);

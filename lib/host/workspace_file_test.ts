import assert from "node:assert/strict";
import { FileError, type FileFailure } from "./file_error.ts";
import {
  fileKind,
  listDirectory,
  listFiles,
  PIECE_BYTES,
  readPieces,
  readTextFile,
  readTextFileIfAny,
} from "./workspace_file.ts";
import { removeFile, removeTree } from "./change_files.ts";
import { flushDirectories, isLeftAside, writeFileAtomic } from "./write_file.ts";

async function inTemporaryDirectory(run: (root: string) => Promise<void>): Promise<void> {
  const root = await Deno.makeTempDir({ prefix: "anklume-host-" });
  try {
    await run(root);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

async function failure(work: Promise<unknown> | (() => unknown)): Promise<FileError> {
  try {
    await (typeof work === "function" ? work() : work);
  } catch (error) {
    assert.ok(error instanceof FileError, String(error));
    return error;
  }
  assert.fail("it succeeded");
}

async function reason(work: Promise<unknown> | (() => unknown)): Promise<FileFailure> {
  return (await failure(work)).reason;
}

function names(root: string): string[] {
  return listDirectory(".", { root }).map(({ name }) => name);
}

Deno.test("writeFileAtomic() makes the directories it needs and leaves nothing aside", () =>
  inTemporaryDirectory(async (root) => {
    await writeFileAtomic("a/b/c.yml", "é\n", { root });
    assert.equal(readTextFile("a/b/c.yml", { root }), "é\n");
    assert.deepEqual(names(`${root}/a/b`), ["c.yml"]);
  }));

Deno.test("writeFileAtomic() without the lock writes under a name that no sync takes for left behind", () =>
  inTemporaryDirectory(async (root) => {
    const seen: boolean[] = [];
    async function* content(): AsyncGenerator<Uint8Array<ArrayBuffer>> {
      seen.push(...await Promise.resolve(names(root).map(isLeftAside)));
      yield new Uint8Array(1);
    }
    await writeFileAtomic("f", content(), { root });
    await writeFileAtomic("f", content(), { root, unlocked: true });
    assert.deepEqual(seen.toSorted(), [false, false, true]);
    assert.deepEqual(names(root), ["f"]);
  }));

Deno.test("writeFileAtomic() keeps the owner and the mode of a file it replaces", () =>
  inTemporaryDirectory(async (root) => {
    await Deno.writeTextFile(`${root}/f`, "old");
    await Deno.chmod(`${root}/f`, 0o640);
    const uid = Deno.uid() === 0 ? 4321 : Deno.uid()!;
    const gid = Deno.uid() === 0 ? 4322 : Deno.gid()!;
    await Deno.chown(`${root}/f`, uid, gid);
    await writeFileAtomic("f", "new", { root });
    const after = await Deno.lstat(`${root}/f`);
    assert.equal(readTextFile("f", { root }), "new");
    assert.deepEqual([after.uid, after.gid, after.mode! & 0o7777], [uid, gid, 0o640]);
  }));

Deno.test("writeFileAtomic() takes write permission for everybody away", () =>
  inTemporaryDirectory(async (root) => {
    await Deno.writeTextFile(`${root}/f`, "old");
    await Deno.chmod(`${root}/f`, 0o666);
    await writeFileAtomic("f", "new", { root });
    await writeFileAtomic("g", "new", { root, mode: 0o777 });
    for (const name of ["f", "g"]) {
      assert.equal((await Deno.lstat(`${root}/${name}`)).mode! & 0o002, 0, name);
    }
  }));

Deno.test({
  name: "writeFileAtomic() by root gives new files and directories to the workspace's owner",
  ignore: Deno.uid() !== 0,
  fn: () =>
    inTemporaryDirectory(async (root) => {
      await Deno.chown(root, 4321, 4322);
      await writeFileAtomic("inventory/pro.yml", "x", { root });
      for (const path of ["inventory", "inventory/pro.yml"]) {
        const { uid, gid } = await Deno.lstat(`${root}/${path}`);
        assert.deepEqual([uid, gid], [4321, 4322], path);
      }
    }),
});

Deno.test("writeFileAtomic() and removeFile() refuse a symbolic link in any component", () =>
  inTemporaryDirectory(async (root) => {
    await Deno.mkdir(`${root}/real`);
    await Deno.writeTextFile(`${root}/real/f`, "mine");
    await Deno.symlink("real", `${root}/link`);
    await Deno.symlink("real/f", `${root}/file`);
    await Deno.symlink("nowhere", `${root}/dangling`);
    for (const path of ["link/f", "link/new/f", "file", "dangling"]) {
      assert.equal(await reason(writeFileAtomic(path, "x", { root })), "symlink", path);
      assert.equal(await reason(removeFile(path, { root })), "symlink", path);
    }
    assert.equal(await reason(removeTree("link", { root })), "symlink");
    assert.equal(readTextFile("real/f", { root }), "mine");
    assert.deepEqual(names(root), ["dangling", "file", "link", "real"]);
  }));

Deno.test("writeFileAtomic() refuses paths that lead out of the root", () =>
  inTemporaryDirectory(async (root) => {
    for (const path of ["../f", "a/../../f", "/etc/f", "", "a//b", ".", "a\0b"]) {
      assert.equal(await reason(writeFileAtomic(path, "x", { root })), "bad-path", path);
    }
    assert.deepEqual(names(root), []);
  }));

Deno.test("writeFileAtomic() does not replace a directory, nor write below a file", () =>
  inTemporaryDirectory(async (root) => {
    await Deno.mkdir(`${root}/d`);
    await Deno.writeTextFile(`${root}/f`, "");
    assert.equal(await reason(writeFileAtomic("d", "x", { root })), "not-a-file");
    assert.equal(await reason(writeFileAtomic("f/x", "x", { root })), "not-a-directory");
  }));

Deno.test("writeFileAtomic() side by side in one new directory all succeed", () =>
  inTemporaryDirectory(async (root) => {
    const paths = Array.from({ length: 20 }, (_, index) => `host_vars/${index}.yml`);
    await Promise.all(paths.map((path) => writeFileAtomic(path, path, { root })));
    assert.equal(listFiles("host_vars", { root }).length, 20);
  }));

Deno.test("who writes many files flushes each of their directories once", () =>
  inTemporaryDirectory(async (root) => {
    const unflushed = new Set<string>();
    for (const path of ["a/1", "a/2", "f"]) await writeFileAtomic(path, "x", { root, unflushed });
    assert.deepEqual([...unflushed], [`${root}/a`, root]);
    // A directory that is gone meanwhile causes no error.
    await flushDirectories([...unflushed, `${root}/gone`]);
  }));

Deno.test("readTextFile() keeps a byte order mark and refuses bytes that are no text", () =>
  inTemporaryDirectory(async (root) => {
    await Deno.writeFile(`${root}/bom`, new Uint8Array([0xef, 0xbb, 0xbf, 0x61]));
    await Deno.writeFile(`${root}/latin1`, new Uint8Array([0x61, 0xe9]));
    assert.equal(readTextFile("bom", { root }), "\uFEFFa");
    const error = await failure(() => readTextFile("latin1", { root }));
    assert.equal(error.reason, "not-text");
    assert.equal(error.message, "Cannot read latin1: it is not UTF-8 text");
  }));

Deno.test("readTextFile() refuses a directory and does not wait for a device", () =>
  inTemporaryDirectory(async (root) => {
    await Deno.mkdir(`${root}/d`);
    assert.equal(await reason(() => readTextFile("d", { root })), "not-a-file");
    assert.equal(await reason(() => readTextFile("/dev/zero")), "bad-path");
    await new Deno.Command("mkfifo", { args: [`${root}/pipe`] }).output();
    assert.equal(await reason(() => readTextFile("pipe", { root })), "not-a-file");
  }));

Deno.test("a missing file is a FileError, undefined, nothing listed and nothing removed", () =>
  inTemporaryDirectory(async (root) => {
    assert.equal(await reason(() => readTextFile("no", { root })), "missing");
    assert.equal(readTextFileIfAny("no/no", { root }), undefined);
    assert.equal(fileKind("no", { root }), undefined);
    assert.deepEqual(listDirectory("no", { root }), []);
    assert.equal(await removeFile("no/no", { root }), false);
    assert.equal(await removeTree("no", { root }), false);
  }));

Deno.test("listFiles() lists files below in a fixed order and no symbolic links", () =>
  inTemporaryDirectory(async (root) => {
    for (const path of ["t/b/z", "t/a", "t/b/y", "t/B"]) await writeFileAtomic(path, "", { root });
    await Deno.symlink("b", `${root}/t/link`);
    assert.deepEqual(listFiles("t", { root }), ["B", "a", "b/y", "b/z"]);
    assert.equal(fileKind("t/link", { root }), "symlink");
  }));

Deno.test("removeTree() removes a link inside, and not what it points to", () =>
  inTemporaryDirectory(async (root) => {
    await writeFileAtomic("keep/f", "mine", { root });
    await writeFileAtomic("t/a/f", "", { root });
    await Deno.symlink("../keep", `${root}/t/link`);
    assert.equal(await removeTree("t", { root }), true);
    assert.equal(readTextFile("keep/f", { root }), "mine");
  }));

const WRITE = `
  import { writeFileAtomic } from ${JSON.stringify(import.meta.resolve("./write_file.ts"))};
  await writeFileAtomic("f", "x".repeat(3_000_000)).then(
    () => console.log("written"),
    (error) => console.log(error.name, error.reason, "|", error.message),
  );`;

/**
 * Runs WRITE with the binary's grants, in a directory that the shell code `prepare` mounts or
 * creates. Returns its output.
 */
async function writeWithPartialGrants(prepare: string): Promise<string> {
  const url = `data:application/typescript;base64,${btoa(WRITE)}`;
  const script = `${prepare}
    "$0" run --no-prompt --allow-read=. --allow-write=. --allow-run=unshare --ignore-env "$1"; ls -A`;
  const { stdout } = await new Deno.Command("unshare", {
    args: ["--mount", "sh", "-ec", script, Deno.execPath(), url],
  }).output();
  return new TextDecoder().decode(stdout);
}

const asRoot = { ignore: Deno.uid() !== 0 };

Deno.test("writeFileAtomic() is content with the grants of the binary", asRoot, async () => {
  assert.equal(
    await writeWithPartialGrants("mount -t tmpfs -o size=8m x /mnt; cd /mnt; chown 4321 ."),
    "written\nf\n",
  );
});

Deno.test("writeFileAtomic() on a full disk says so and keeps the old file", asRoot, async () => {
  assert.equal(
    await writeWithPartialGrants("mount -t tmpfs -o size=1m x /mnt; cd /mnt; echo old > f"),
    "FileError no-space | Cannot write f: the disk is full, or the quota is used up; " +
      "free some space and run the same command again\nf\n",
  );
});

Deno.test("writeFileAtomic() on a read-only file system says so", asRoot, async () => {
  assert.equal(
    await writeWithPartialGrants("mount -t tmpfs -o ro x /mnt; cd /mnt"),
    "FileError read-only | Cannot write f: the file system is read-only\n",
  );
});

Deno.test("readPieces() gives a large file in pieces that make it up, a small one in one, and no device", () =>
  inTemporaryDirectory(async (root) => {
    const content = new Uint8Array(2 * PIECE_BYTES + 3).map((_, index) => index % 251);
    await Deno.writeFile(`${root}/large`, content);
    const pieces = [...readPieces("large", { root })];
    assert.deepEqual(pieces.map(({ length }) => length), [PIECE_BYTES, PIECE_BYTES, 3]);
    assert.deepEqual(new Uint8Array(await new Blob(pieces).arrayBuffer()), content);
    await Deno.writeTextFile(`${root}/small`, "x");
    assert.deepEqual([...readPieces("small", { root })], [new TextEncoder().encode("x")]);
    await Deno.writeTextFile(`${root}/empty`, "");
    assert.equal(
      [...readPieces("empty", { root })].reduce((sum, { length }) => sum + length, 0),
      0,
    );
    assert.equal((await failure(() => [...readPieces("/dev/null")])).reason, "bad-path");
  }));

import assert from "node:assert/strict";
import { realPaths, UnknownPath } from "./real_paths.ts";

const { signal } = new AbortController();

Deno.test("realPaths() follows links, whatever the names, and says which paths lead nowhere", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const root = await Deno.realPath(dir);
    const odd = `${root}/a b\n'c`;
    await Deno.mkdir(odd);
    await Deno.symlink(odd, `${root}/link`);
    await Deno.symlink(`${root}/loop`, `${root}/loop`);
    await Deno.symlink(`${root}/gone`, `${root}/dangling`);
    const fine = await realPaths(
      [`${root}/link`, odd, `${root}/link/../link`, `${root}/./`],
      signal,
    );
    assert.deepEqual([...fine], [
      [`${root}/link`, odd],
      [odd, odd],
      [`${root}/link/../link`, odd],
      [`${root}/./`, root],
    ]);
    const mixed = await realPaths(
      [`${root}/link`, `${root}/loop`, `${root}/dangling`, "-e", "/\0", "/".padEnd(9999, "x")],
      signal,
    );
    assert.equal(mixed.get(`${root}/link`), odd);
    const told = [...mixed.values()].map((each) =>
      each instanceof UnknownPath ? each.message : "led on"
    );
    assert.deepEqual(told.toSorted(), [
      "No such file or directory",
      "No such file or directory",
      "Too many levels of symbolic links",
      "led on",
      "this is not a valid path",
      "this is not a valid path",
    ]);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("realPaths() starts nothing where there is nothing to follow", async () => {
  assert.equal((await realPaths([], AbortSignal.abort())).size, 0);
});

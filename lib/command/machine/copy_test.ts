import assert from "node:assert/strict";
import { parsePlace, relativePath } from "./copy.ts";

Deno.test("parsePlace() tells a machine's path from one of the workspace", () => {
  assert.deepEqual(parsePlace("pro-dev:/etc/hosts"), {
    machine: "pro-dev",
    path: "/etc/hosts",
    directory: false,
  });
  assert.deepEqual(parsePlace("pro-dev:/srv//www/./"), {
    machine: "pro-dev",
    path: "/srv/www",
    directory: true,
  });
  assert.deepEqual(parsePlace("pro-dev:/"), { machine: "pro-dev", path: "/", directory: true });
  assert.deepEqual(parsePlace("."), { path: ".", directory: true });
  assert.deepEqual(parsePlace("./a:b/c"), { path: "a:b/c", directory: false });
});

Deno.test("parsePlace() refuses what leaves the workspace or begins nowhere", () => {
  for (
    const text of ["", "/etc/passwd", "../x", "a/../../x", "pro-dev:etc", "pro-dev:/srv/../etc"]
  ) {
    assert.throws(() => parsePlace(text), { name: "UserError" }, text);
  }
});

Deno.test("parsePlace() takes a path of the workspace from the directory where the user is", () => {
  const path = (text: string) => parsePlace(text, "sub/dir").path;
  assert.equal(path("f"), "sub/dir/f");
  assert.equal(path("../f"), "sub/f");
  assert.equal(path("../.."), ".");
  assert.equal(path("pro-dev:/f"), "/f");
  assert.throws(() => path("../../../f"), /outside the workspace/);
});

Deno.test("relativePath() says a path as a link beside it does", () => {
  for (
    const [from, path, said] of [
      ["/srv/t/l", "/srv/t/f", "f"],
      ["/srv/t/a/l", "/srv/t/b/c", "../b/c"],
      ["/srv/t/a/l", "/srv/t", ".."],
      ["/srv/t/l", "/srv/t", "."],
      ["/l", "/srv/t", "srv/t"],
    ] as const
  ) assert.equal(relativePath(from, path), said);
});

import assert from "node:assert/strict";
import { parsePlace } from "./copy.ts";

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

import assert from "node:assert/strict";
import { findWorkspace, readDirectory } from "./workspace_directory.ts";

Deno.test("readDirectory() takes -C off the front, and leaves the verb's own words alone", () => {
  assert.deepEqual(readDirectory(["status"]), { args: ["status"] });
  assert.deepEqual(readDirectory(["-C", "lab", "status", "-C", "x"]), {
    args: ["status", "-C", "x"],
    directory: "lab",
  });
  const twice = readDirectory(["-C", "labs/", "-C", "one", "check"]);
  assert.equal(twice.directory, "labs/one");
  assert.equal(readDirectory(["-C", "labs", "-C", "/srv/lab", "check"]).directory, "/srv/lab");
  assert.deepEqual(readDirectory(["exec", "m", "--", "-C", "x"]).directory, undefined);
  assert.deepEqual(readDirectory(["complete", "--", "-C", "lab", "apply", ""]), {
    args: ["complete", "--", "apply", ""],
    directory: "lab",
  });
});

Deno.test("readDirectory() refuses -C without a directory, but not at a TAB", () => {
  assert.throws(() => readDirectory(["-C"]), /-C needs a directory/);
  assert.throws(() => readDirectory(["-C", "", "status"]), /-C needs a directory/);
  assert.deepEqual(readDirectory(["complete", "--", "-C", ""]).args, ["complete", "--", "-C", ""]);
});

Deno.test("findWorkspace() looks above only for verbs that need a workspace, and only once", async () => {
  const never = () => assert.fail("looked for a workspace");
  for (const verb of [[], ["init"], ["schema"], ["completions", "bash"], ["help"], ["--help"]]) {
    assert.equal(await findWorkspace({ args: verb }, never), undefined);
  }
  assert.equal(await findWorkspace({ args: ["status"], below: "" }, never), undefined);
  assert.equal(await findWorkspace({ args: ["status"] }, () => true), undefined);
  assert.deepEqual(await findWorkspace({ args: ["status"], directory: "/lab" }, never), {
    directory: "/lab",
    below: "",
  });
});

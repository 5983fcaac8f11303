import assert from "node:assert/strict";
import { FORMAT, MARK, ownership } from "./mark.ts";
import { marksOf, readManaged } from "./managed.ts";
import { sealsOf } from "./seal.ts";

const OWNER = { project: "home-lab", infraId: "1111" };
const MARKS = marksOf(OWNER, "pro", { "limits.cpu": "2" }, { root: { type: "disk", path: "/" } });

Deno.test("ownership() knows its own, the unmarked, another infra's and a newer anklume's", () => {
  assert.equal(ownership(MARKS, OWNER).kind, "ours");
  assert.equal(ownership({}, OWNER).kind, "unmarked");
  assert.deepEqual(ownership({ ...MARKS, [MARK.infra]: "2222" }, OWNER), {
    kind: "other",
    project: "home-lab",
  });
  // A lock with another infra's UUID does not make that infra's machines ours.
  assert.deepEqual(ownership({ ...MARKS, [MARK.project]: "other" }, OWNER), {
    kind: "other",
    project: "other",
  });
  assert.equal(ownership({ ...MARKS, [MARK.format]: String(FORMAT + 1) }, OWNER).kind, "newer");
  assert.equal(ownership({ ...MARKS, [MARK.format]: "" }, OWNER).kind, "newer");
});

Deno.test("readManaged() returns what marksOf() noted", () => {
  assert.deepEqual(readManaged(MARKS), {
    config: ["limits.cpu"],
    devices: { root: ["path", "type"] },
    profiles: [],
    seals: sealsOf({}, { root: { type: "disk", path: "/" } }, () => false),
  });
});

Deno.test("readManaged() takes a damaged note for an empty one", () => {
  for (const note of ["", "{", "null", "[]", '{"config":5,"devices":[1]}', '"x"']) {
    const { config } = readManaged({ [MARK.managed]: note });
    assert.deepEqual(config, [], note);
  }
});

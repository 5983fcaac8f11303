import assert from "node:assert/strict";
import { MARK } from "./mark.ts";
import { marksOf, readManaged } from "./managed.ts";
import { isDeviceAsWritten, isKeyAsWritten } from "./seal.ts";

const OWNER = { project: "home-lab", infraId: "1111" };
const share = { type: "disk", source: "/srv/share", path: "/share" };
const marks = marksOf(OWNER, "pro", { "security.nesting": "true" }, { share }, [], () => true);
const managed = readManaged(marks);

Deno.test("a device is as anklume wrote it until a key that leads somewhere is another one", () => {
  assert.equal(
    isDeviceAsWritten("share", { path: "/share", source: "/srv/share", type: "disk" }, managed),
    true,
  );
  assert.equal(isDeviceAsWritten("share", { ...share, "limits.read": "30MB" }, managed), true);
  assert.equal(isDeviceAsWritten("share", { ...share, shift: "" }, managed), true, "as absent");
  assert.equal(isDeviceAsWritten("share", { ...share, source: "/" }, managed), false);
  assert.equal(isDeviceAsWritten("share", { ...share, shift: "true" }, managed), false);
  assert.equal(isDeviceAsWritten("other", share, managed), undefined);
});

Deno.test("a key is as anklume wrote it, or not, or nobody knows", () => {
  assert.equal(isKeyAsWritten("security.nesting", "true", managed), true);
  assert.equal(isKeyAsWritten("security.nesting", "false", managed), false);
  assert.equal(isKeyAsWritten("security.privileged", "true", managed), undefined);
});

Deno.test("what an older anklume wrote has no seals, and a damaged note none either", () => {
  for (const note of ['{"config":["a"],"devices":{"share":["source"]}}', '{"seals":5}', "{"]) {
    const old = readManaged({ [MARK.managed]: note });
    assert.equal(isDeviceAsWritten("share", share, old), undefined, note);
  }
});

import assert from "node:assert/strict";
import fc from "fast-check";
import { parseSize, sameValue, shownValue } from "./value.ts";

Deno.test("parseSize() reads Incus's units", () => {
  assert.equal(parseSize("2GiB"), 2147483648);
  assert.equal(parseSize("2GB"), 2000000000);
  assert.equal(parseSize("500"), 500);
  assert.equal(parseSize("1.5KiB"), 1536);
  assert.equal(parseSize("1kB"), 1000);
  assert.equal(parseSize("50%"), undefined);
  assert.equal(parseSize("GiB"), undefined);
  assert.equal(parseSize(""), undefined);
});

Deno.test("sameValue() sees through the ways Incus lets one thing be written", () => {
  for (
    const [key, a, b] of [
      ["limits.memory", "2GiB", "2147483648"],
      ["size", "1024MiB", "1GiB"],
      ["security.nesting", "true", "1"],
      ["security.nesting", "no", "false"],
      ["limits.cpu", "0-3", "0,1,2,3"],
      ["limits.cpu", "3,1", "1,3"],
      ["hwaddr", "10:66:6A:00:00:01", "10:66:6a:00:00:01"],
      ["limits.memory", "", undefined],
    ] as const
  ) assert.equal(sameValue(key, a, b), true, `${key}: ${a} and ${b}`);
});

Deno.test("sameValue() keeps apart what Incus keeps apart", () => {
  assert.equal(sameValue("environment.DEBUG", "1", "true"), false, "text of the user's");
  assert.equal(sameValue("user.size", "1024", "1KiB"), false, "text of the user's");
  for (
    const [key, a, b] of [
      ["limits.memory", "2GiB", "2GB"],
      ["limits.memory", "50%", "50"],
      ["limits.cpu", "2", "2-2"],
      ["limits.cpu", "0-3", "0-2"],
      ["security.nesting", "true", "false"],
      ["security.nesting", "false", undefined],
      ["limits.ingress", "1kbit", "1kB"],
      ["user.note", "a", "A"],
    ] as const
  ) assert.equal(sameValue(key, a, b), false, `${key}: ${a} and ${b}`);
});

Deno.test("sameValue() is reflexive and symmetric whatever the text", () => {
  const key = fc.constantFrom("limits.cpu", "limits.memory", "size", "hwaddr", "user.x");
  fc.assert(fc.property(key, fc.string(), fc.string(), (k, a, b) => {
    assert.equal(sameValue(k, a, a), true);
    assert.equal(sameValue(k, a, b), sameValue(k, b, a));
  }));
});

Deno.test("shownValue() hides what may hold a password", () => {
  assert.equal(shownValue("cloud-init.user-data", "secret"), "(hidden, 6 characters)");
  assert.equal(shownValue("environment.TOKEN", "abc"), "(hidden, 3 characters)");
  assert.equal(shownValue("user.note", "mine"), "(hidden, 4 characters)");
  assert.equal(shownValue("raw.idmap", "https://me:word@host"), "(hidden, 20 characters)");
  assert.equal(shownValue("limits.cpu", "2"), "2");
  assert.equal(shownValue("user.anklume.domain", "pro"), "pro");
  assert.equal(shownValue("environment.TOKEN", undefined), undefined);
});

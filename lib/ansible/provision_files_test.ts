import assert from "node:assert/strict";
import { describeFile } from "./provision_files.ts";

Deno.test("describeFile() makes no text of what is too large to be one", () => {
  const words = new TextEncoder().encode("hostvars ");
  assert.equal(describeFile("roles/mine/files/script", [words]).reads?.others, true);
  // The decoder throws at half a gigabyte; roles with a disk image are not rare.
  const image = new Uint8Array(17 * 1024 * 1024);
  image.set(words);
  assert.deepEqual(Object.keys(describeFile("roles/mine/files/image", [image])), ["digest"]);
});

Deno.test("describeFile() tells the same of a file in one piece and in several", () => {
  const bytes = new TextEncoder().encode("été: '{{ hostvars }}'\n");
  const whole = describeFile("group_vars/all.yml", [bytes]);
  assert.equal(whole.text, "été: '{{ hostvars }}'\n");
  // The second piece starts within a character.
  const pieces = [bytes.subarray(0, 1), bytes.subarray(1, 4), bytes.subarray(4)];
  assert.deepEqual(describeFile("group_vars/all.yml", pieces), whole);
});

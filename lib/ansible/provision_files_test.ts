import assert from "node:assert/strict";
import { describeFile } from "./provision_files.ts";

Deno.test("describeFile() makes no text of what is too large to be one", () => {
  const words = new TextEncoder().encode("hostvars ");
  assert.equal(describeFile("roles/mine/files/script", words).readsOthers, true);
  // Of half a gigabyte the decoder throws; a disk image in a role is not rare.
  const image = new Uint8Array(17 * 1024 * 1024);
  image.set(words);
  assert.deepEqual(Object.keys(describeFile("roles/mine/files/image", image)), ["digest"]);
});

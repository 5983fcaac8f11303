import assert from "node:assert/strict";
import { REPOSITORY } from "./golden.ts";
import { GOLDEN_KINDS } from "./kinds.ts";

for (const kind of GOLDEN_KINDS) {
  Deno.test(`golden files of ${kind.name} are what the code gives`, async (t) => {
    for (const { path, content } of await kind.files()) {
      await t.step(path, async () => {
        const expected = await Deno.readTextFile(REPOSITORY + path);
        assert.equal(content, expected, `${path} differs; see \`deno task golden\``);
      });
    }
  });
}

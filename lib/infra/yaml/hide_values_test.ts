import assert from "node:assert/strict";
import { hideValues } from "./hide_values.ts";

Deno.test("hideValues() leaves no secret and every line", () => {
  const text =
    "m:\n  config: { environment.KEY: abc, limits.cpu: 2 }\n  vars:\n    p: |\n      q\n" +
    "    r: [s, t]\n";
  const hidden = hideValues(text, (path) => path.some((key) => /^(environment\.|vars$)/.test(key)));
  assert.doesNotMatch(hidden, /abc|q|\bs\b|\bt\b/);
  assert.match(hidden, /limits\.cpu: 2/);
  assert.equal(hidden.split("\n").length, text.split("\n").length);
});

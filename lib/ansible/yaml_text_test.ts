import assert from "node:assert/strict";
import fc from "fast-check";
import { parse } from "yaml";
import { type Value, WholeFloat } from "../infra/infra.ts";
import { yamlEntry, yamlWord } from "./yaml_text.ts";

/** Reads text as Ansible does: YAML 1.1, `!unsafe` is a string. */
function read(text: string): unknown {
  const unsafe = { tag: "!unsafe", resolve: (value: string) => value };
  return parse(text, { version: "1.1", customTags: (tags) => [...tags, unsafe] });
}

Deno.test("yamlEntry() marks strings as data and leaves the rest alone", () => {
  assert.equal(
    yamlEntry("x", { a: "{{ b }}", count: 1, t: true, z: null, l: [], m: {} }),
    'x:\n  a: !unsafe "{{ b }}"\n  count: 1\n  t: true\n  z: null\n  l: []\n  m: {}\n',
  );
});

Deno.test("yamlEntry() nests lists and maps in block style", () => {
  assert.equal(
    yamlEntry("x", [{ a: 1, b: [2, [3]] }, "s", []]),
    'x:\n  - a: 1\n    b:\n      - 2\n      - - 3\n  - !unsafe "s"\n  - []\n',
  );
});

Deno.test("yamlEntry() folds long strings within the lint's width", () => {
  const long = "word ".repeat(200) + "x".repeat(500);
  const text = yamlEntry("x", { deep: { deeper: long } });
  assert.ok(text.split("\n").every((line) => line.length <= 160));
  assert.deepEqual(read(text), { x: { deep: { deeper: long } } });
});

Deno.test("yamlEntry() writes numbers that YAML 1.1 takes for numbers", () => {
  for (const value of [1e21, 1.5e-9, -0, 0, 42, -1.25, 1e300]) {
    assert.ok(Object.is((read(yamlEntry("x", value)) as { x: number }).x, value), String(value));
  }
});

Deno.test("yamlEntry() marks keys as data at any depth", () => {
  assert.equal(
    yamlEntry("x", [{ "{{ a }}": { "{% b %}": 1 } }]),
    'x:\n  - !unsafe "{{ a }}":\n      !unsafe "{% b %}": 1\n',
  );
});

Deno.test("yamlEntry() gives a key that is too long for one line an entry of two", () => {
  const key = "{{ k }} ".repeat(40);
  const text = yamlEntry("x", { [key]: { deep: [1] }, [`${key}2`]: 2 });
  assert.match(text, /^ {2}\? !unsafe "/m);
  assert.ok(text.split("\n").every((line) => line.length <= 160));
  assert.deepEqual(read(text), { x: { [key]: { deep: [1] }, [`${key}2`]: 2 } });
});

Deno.test("yamlEntry() keeps a float's point and every digit of an integer", () => {
  assert.equal(
    yamlEntry("x", [
      new WholeFloat(17),
      new WholeFloat(1e21),
      12345678901234567890n,
      new WholeFloat(-0),
    ]),
    "x:\n  - 17.0\n  - 1.0e+21\n  - 12345678901234567890\n  - -0.0\n",
  );
});

Deno.test("yamlEntry() refuses half a surrogate pair, which no reader accepts", () => {
  assert.throws(() => yamlEntry("x", "a\ud83db"), TypeError);
});

Deno.test("yamlWord() quotes what YAML would take for something else", () => {
  for (
    const word of ["no", "ON", "null", "1e5", "E0", "10:20:30", "0x1f", "", "- a", "a: b", "#x"]
  ) {
    assert.ok(yamlWord(word).startsWith('"'), word);
    assert.deepEqual(read(`x: ${yamlWord(word)}`), { x: word });
  }
  assert.equal(yamlWord("pro-dev"), "pro-dev");
});

Deno.test("any value comes back from YAML as it went in", () => {
  const { value } = fc.letrec<{ value: Value }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      fc.string({ unit: "binary" }).filter((text) => text.isWellFormed()),
      fc.constantFrom(
        "{{ x }}",
        "!unsafe y",
        "yes",
        "a: b\n- c",
        " lead",
        "trail ",
        "\u2028\u0085",
      ),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie("value"), { maxLength: 4 }),
      fc.dictionary(
        fc.string({ maxLength: 6 }).filter((key) => key !== "__proto__"),
        tie("value"),
        {
          maxKeys: 4,
          noNullPrototype: true,
        },
      ),
    ),
  }));
  fc.assert(fc.property(value, (value) => {
    assert.deepEqual(read(yamlEntry("x", value)), { x: value });
  }));
});

/**
 * Tests that any JSON value in `vars` comes back the same from Ansible's own loader, and nothing in
 * it is run.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { ansibleEnvironment } from "../../lib/ansible/ansible_environment.ts";
import { yamlEntry } from "../../lib/ansible/yaml_text.ts";
import { runCommand } from "../../lib/host/command.ts";
import { machinesOf, type Variable } from "../../lib/infra/infra.ts";
import { parseInfra } from "../../lib/infra/parse_infra.ts";

const RANDOM = 2_000;
const SEED = Number(Deno.env.get("ANKLUME_SEED") ?? Date.now() % 1_000_000_000);

/** Texts that YAML 1.1, Jinja or a reader may parse as something else. */
const NASTY_TEXTS = [
  ...["", " ", "\t", "\n", "\r", "\r\n", "\u0085", "\u2028", "\u2029", "\ufeff", "\ufeffx"],
  ...["yes", "no", "on", "off", "y", "n", "true", "null", "~", "=", "<<", "!", "&", "*", "?", "-"],
  ...[
    "yes\n",
    "~\n",
    "=\n",
    "<<\n",
    "!\n",
    "1\n",
    "1.5\n",
    "12:30\n",
    "2026-01-01\n",
    "\n\n",
    "no\n\n",
  ],
  ...[
    "*a",
    "&a",
    "!x",
    "!!int 3",
    "!unsafe x",
    "!vault |",
    "%YAML 1.1",
    "@x",
    "`x`",
    "|",
    ">",
    "#",
    "a #b",
  ],
  ...[
    "0640",
    "0o17",
    "0x1F",
    "-0x1f",
    "0b101",
    "0x_",
    "0b_",
    "0_",
    "_",
    "._",
    ".",
    "..",
    "...",
    "---",
  ],
  ...["1_000", "_1", "1__", "12:30", "190:20:30.15", "-1:30", "1e3", "1.5e3", "1.e+3", ".5", "+.5"],
  ...["-.inf", ".NaN", "+.INF", ".inf\n", "2026-01-01", "2001-12-14t21:59:43.10-05:00"],
  ...["2001-12-14 21:59:43.10 -5", "2026-1-1", "08", "+5", "-", "-0", "1.10", "17.0"],
  ...[
    "a: b",
    "a:",
    ": a",
    "- a",
    "? a",
    "[1, 2]",
    "{'a': 1}",
    "{a",
    "a}",
    '"',
    "'",
    "\\",
    "\\n",
    "\\\n",
  ],
  ...[
    "{{ 7 * 7 }}",
    "{{ 7 * 7 }}\n",
    "{% set x = 1 %}{{ x }}",
    "{# gone #}",
    "{{ undefined_name }}",
    "{{",
  ],
  ...[
    "{%",
    "}}",
    "#jinja2: variable_start_string:'[['",
    "[[ 7 * 7 ]]",
    "# line statement",
    "{{ lookup('pipe', 'id') }}",
  ],
  ...["__proto__", "constructor", "hasOwnProperty", "toString", "0", "-1", "\u0000x".slice(1)],
  ...[
    "\u0001",
    "\u001b[31m",
    "\u007f",
    "\u0080",
    "\u009f",
    "\ufffd",
    "\ufffe",
    "\uffff",
    "\u{1f600}",
    "\u{10ffff}",
  ],
  ...[
    " lead",
    "trail ",
    "  two  ",
    "a\nb",
    "a\n\n b\n",
    "a\n---\nb",
    "a\n...\nb",
    "# === END MANAGED ===",
  ],
  ...["x".repeat(127), "x".repeat(129), "x".repeat(1023), "x".repeat(1100), "{{ x }} ".repeat(200)],
  ...[" ".repeat(300), "é".repeat(500), '"'.repeat(200), "word ".repeat(400), "\n".repeat(150)],
];

/** Numbers as JSON allows them. */
const NUMBERS = [
  ...[
    "0",
    "-0",
    "-0.0",
    "0.0",
    "17.0",
    "1.10",
    "1e3",
    "1E5",
    "1e+3",
    "1.5e-9",
    "1e300",
    "5e-324",
    "1e-400",
  ],
  ...[
    "9007199254740991",
    "9007199254740993",
    "12345678901234567890",
    "-98765432109876543210987654321",
  ],
  ...[
    "1e21",
    "123456789012345680000.0",
    "0.1",
    "2.5",
    "100.25",
    "1.7976931348623157e308",
    "9".repeat(300),
  ],
];

/** Returns JSON with an escape for each character beyond ASCII and each control character. */
function ascii(value: string): string {
  return JSON.stringify(value).replace(
    /[^\u0020-\u007e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

const text = fc.oneof(
  fc.string({ unit: "binary" }).filter((text) => text.isWellFormed() && !text.includes("\0")),
  fc.string(),
  fc.constantFrom(...NASTY_TEXTS),
  fc.stringMatching(/^[-+._=~<!&*{}%#:0-9a-fxoTZ \n]{0,9}$/),
);

/** Marks the start of a key. All text is in escapes, so it occurs in none. */
const KEY = "\u0001";

/** A JSON value as text: `17.0` and `-0` are not JavaScript numbers. */
const { value: json } = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: "small" },
    text.map(ascii),
    fc.constantFrom(...NUMBERS, "true", "false", "null"),
    fc.double({ noDefaultInfinity: true, noNaN: true }).map(JSON.stringify),
    fc.bigInt().map(String),
    fc.array(tie("value"), { maxLength: 4 }).map((items) => `[${items.join(", ")}]`),
    fc.uniqueArray(fc.tuple(text, tie("value")), { maxLength: 4, selector: ([key]) => key })
      .map(mapText),
  ),
}));

function mapText(entries: readonly (readonly [string, string])[]): string {
  return `{${entries.map(([key, value]) => `${KEY}${ascii(key)}: ${value}`).join(", ")}}`;
}

/** Returns the variable `v` of a machine, read from an infra.yml with the JSON. */
function variableOf(json: string): Variable {
  // A key before a colon has at most 1,024 characters, in YAML 1.2 as well.
  const explicit = json.replaceAll(KEY, "? ");
  const text =
    `project_name: lab\ndomains:\n  pro:\n    machines:\n      web:\n        vars: { v: ${explicit} }\n`;
  const { infra, diagnostics } = parseInfra([{ file: "infra.yml", text }]);
  const errors = diagnostics.filter(({ severity }) => severity === "error");
  assert.deepEqual(errors, [], json);
  return machinesOf(infra!)[0]!.vars["v"]!;
}

/** Returns Ansible's errors for these values. */
async function complaints(values: readonly string[]): Promise<unknown[]> {
  const directory = await Deno.makeTempDir({ prefix: "anklume-values-" });
  try {
    for (const [index, json] of values.entries()) {
      const name = `${directory}/${String(index).padStart(5, "0")}`;
      Deno.writeTextFileSync(`${name}.yml`, `---\n${yamlEntry("v", variableOf(json))}`);
      Deno.writeTextFileSync(`${name}.json`, json.replaceAll(KEY, ""));
    }
    const reader = new URL("read_values.py", import.meta.url).pathname;
    const { stdout } = await runCommand(["python3", reader, directory], {
      // Ansible's own environment, which may be in this directory.
      env: ansibleEnvironment(),
      timeoutMs: 300_000,
    });
    const { read, complaints } = JSON.parse(stdout) as {
      read: number;
      complaints: { name: string; complaint: string }[];
    };
    assert.equal(read, values.length);
    return complaints.map(({ name, complaint }) => ({ json: values[Number(name)], complaint }));
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("what YAML 1.1 or Jinja takes for something else comes back from Ansible as it was, as value and as key", async () => {
  const texts = NASTY_TEXTS.map(ascii);
  const values = [
    ...texts,
    ...NUMBERS,
    ...NASTY_TEXTS.map((key) => mapText([[key, "1"]])),
    ...NASTY_TEXTS.map((key) => `[${mapText([[key, mapText([[key, `[${ascii(key)}]`]])]])}]`),
    mapText(
      NASTY_TEXTS.filter((text, at) => NASTY_TEXTS.indexOf(text) === at).map((
        key,
      ) => [key, "[{}]"]),
    ),
  ];
  assert.deepEqual(await complaints(values), []);
});

Deno.test(`any value comes back from Ansible as it was: ${RANDOM} of them, seed ${SEED}`, async () => {
  assert.deepEqual(await complaints(fc.sample(json, { numRuns: RANDOM, seed: SEED })), []);
});

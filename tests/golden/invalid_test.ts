import assert from "node:assert/strict";
import { hasErrors } from "../../lib/diag/diagnostic.ts";
import { REPOSITORY } from "./golden.ts";
import { invalidCases } from "./invalid.ts";

/** Codes of the YAML library, which appear in the source too. */
const YAML_LIBRARY: ReadonlySet<string> = new Set([
  "ALIAS_PROPS",
  "BAD_ALIAS",
  "BAD_DQ_ESCAPE",
  "KEY_OVER_1024_CHARS",
  "MULTIPLE_ANCHORS",
  "MULTIPLE_TAGS",
  "TAB_AS_INDENT",
  "TAG_RESOLVE_FAILED",
]);
/** Codes that need a huge file; `read_yaml_test.ts` tests them. */
const WITHOUT_CASE: ReadonlySet<string> = new Set(["FILE_TOO_LARGE"]);

const documented = new Set(
  [...(await Deno.readTextFile(`${REPOSITORY}docs/diagnostics.md`)).matchAll(
    /^\| (`[A-Z].*?) \|/gm,
  )]
    .flatMap(([, codes]) => [...codes!.matchAll(/`([A-Z0-9_]+)`/g)].map(([, code]) => code!)),
);

Deno.test("every code of lib/infra is documented and has a case", async () => {
  const cases = new Set((await invalidCases()).map(({ name }) => name.split("-")[0]!));
  const codes = await codesIn("lib/infra", /"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)"/g);
  for (const code of codes) {
    if (YAML_LIBRARY.has(code)) continue;
    assert.ok(documented.has(code), `${code} is not in docs/diagnostics.md`);
    assert.ok(cases.has(code) || WITHOUT_CASE.has(code), `${code} has no case`);
  }
  assert.ok(codes.size > 60);
});

Deno.test("every code of the other rooms is documented", async () => {
  for (const code of await codesIn("lib", /\bcode: "([A-Z][A-Z0-9_]+)"/g)) {
    assert.ok(documented.has(code), `${code} is not in docs/diagnostics.md`);
  }
});

Deno.test("every documented code exists", async () => {
  const codes = await codesIn("lib", /"([A-Z][A-Z0-9_]+)"/g);
  for (const code of documented) assert.ok(codes.has(code), `nothing reports ${code}`);
});

Deno.test("every case shows the code that it is called after", async (t) => {
  const cases = await invalidCases();
  assert.ok(cases.length >= 80, `${cases.length} cases`);
  for (const { name, result } of cases) {
    await t.step(name, () => {
      const code = name.split("-")[0]!;
      const codes = result.diagnostics.map((diagnostic) => diagnostic.code);
      if (code !== "ALL_AT_ONCE") assert.ok(codes.includes(code), codes.join(" "));
      assert.equal(result.infra === undefined, hasErrors(result.diagnostics));
    });
  }
});

Deno.test("every diagnostic of a case but three says where it is", async () => {
  const nowhere = new Set(["NO_INFRA", "TWO_FORMS", "MISSING_FILE"]);
  for (const { name, result } of await invalidCases()) {
    for (const { code, range } of result.diagnostics) {
      assert.equal(range === undefined, nowhere.has(code), `${name}: ${code}`);
    }
  }
});

async function codesIn(directory: string, pattern: RegExp): Promise<Set<string>> {
  const codes = new Set<string>();
  for await (const entry of Deno.readDir(`${REPOSITORY}${directory}`)) {
    const path = `${directory}/${entry.name}`;
    if (entry.isDirectory) {
      for (const code of await codesIn(path, pattern)) codes.add(code);
    } else if (path.endsWith(".ts") && !path.endsWith("_test.ts")) {
      const text = await Deno.readTextFile(REPOSITORY + path);
      for (const [, code] of text.matchAll(pattern)) codes.add(code!);
    }
  }
  return codes;
}

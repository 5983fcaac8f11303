import assert from "node:assert/strict";
import { ATTACKS } from "../nftables/_attacks.ts";

const ROOT = new URL("../../", import.meta.url);
const read = (path: string) => Deno.readTextFileSync(new URL(path, ROOT));

/** Returns the tests that the last column of the table of promises names, for each suite. */
function namedTests(page: string): { suite: string; names: string[] }[] {
  const rows = page.split("\n").filter((line) => /^\| .* \| .* \|$/.test(line))
    .map((line) => line.slice(2, -2).split(" | ").at(-1) ?? "");
  return rows.flatMap((cell) =>
    [...cell.matchAll(/`([\w/]+)`: ([^`;]+)/g)].map(([, suite = "", names = ""]) => ({
      suite,
      names: names.split(/…(?:, )?/).map((name) => name.trim()).filter((name) => name !== ""),
    }))
  );
}

/**
 * Returns the path of a suite that the page names by its file, or by the end of its path:
 * `forgery`, `e2e/02_bypass`.
 */
function pathOf(suite: string): string {
  const found = testFiles.filter((path) => path.endsWith(`/${suite}_test.ts`));
  assert.equal(found.length, 1, `${suite}: ${found.join(", ") || "no such file"}`);
  return found[0]!;
}

function* filesIn(directory: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(new URL(directory, ROOT))) {
    if (isDirectory) yield* filesIn(`${directory}/${name}`);
    else if (name.endsWith("_test.ts")) yield `${directory}/${name}`;
  }
}

const testFiles = [...filesIn("lib"), ...filesIn("tests")];

Deno.test("every test that docs/isolation.md names is there", () => {
  const named = namedTests(read("docs/isolation.md"));
  assert.ok(named.length > 30, `${named.length}`);
  const missing = named.flatMap(({ suite, names }) => {
    const source = read(pathOf(suite));
    return names.filter((name) => !source.includes(`"${name}`) && !source.includes(`\`${name}`))
      .map((name) => `${suite}: ${name}`);
  });
  assert.deepEqual(missing, []);
});

Deno.test("docs/isolation.md counts the forged frames right", () => {
  assert.equal(/\((\d+) attacks\)/.exec(read("docs/isolation.md"))?.[1], String(ATTACKS.length));
});

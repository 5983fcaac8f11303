import assert from "node:assert/strict";
import { assignAddresses } from "../../lib/addressing/assign_addresses.ts";
import { renderTree } from "../../lib/ansible/render_tree.ts";
import { planSync } from "../../lib/ansible/plan_sync.ts";
import { hasErrors } from "../../lib/diag/diagnostic.ts";
import { parseInfra } from "../../lib/infra/parse_infra.ts";

/**
 * `tests/testdata/<case>/tree/` is the output of sync for `<case>/infra.yml` in an empty workspace,
 * without the embedded files. `GOLDEN=1` rewrites it: the reviewer reads the diff.
 */
const CASES = new URL("../testdata/", import.meta.url).pathname;
const REWRITE = Deno.env.get("GOLDEN") === "1";

function treeOf(directory: string): Map<string, string> {
  const text = Deno.readTextFileSync(`${directory}/infra.yml`);
  const { infra, diagnostics } = parseInfra([{ file: "infra.yml", text }]);
  assert.ok(infra !== undefined, JSON.stringify(diagnostics));
  const newUuid = "00000000-0000-4000-8000-000000000000";
  const { addressing } = assignAddresses(infra, undefined, { newUuid });
  assert.ok(addressing !== undefined);
  const inputs = { embedded: new Map(), userRoles: [], directories: new Set<string>() };
  const tree = renderTree(infra, addressing, inputs);
  const plan = planSync(tree, new Map(), { cleanOrphans: false, frozen: new Set() });
  assert.equal(hasErrors(plan.diagnostics), false);
  return new Map(plan.entries.map(({ path, after = "" }) => [path, after]));
}

function filesBelow(directory: string, prefix = ""): Map<string, string> {
  const files = new Map<string, string>();
  for (const { name, isDirectory } of Deno.readDirSync(directory)) {
    const path = `${directory}/${name}`;
    if (isDirectory) {
      for (const entry of filesBelow(path, `${prefix}${name}/`)) files.set(...entry);
    } else files.set(prefix + name, Deno.readTextFileSync(path));
  }
  return files;
}

function rewrite(directory: string, files: ReadonlyMap<string, string>): void {
  Deno.removeSync(directory, { recursive: true });
  for (const [path, text] of files) {
    Deno.mkdirSync(`${directory}/${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
    Deno.writeTextFileSync(`${directory}/${path}`, text);
  }
}

const cases = [...Deno.readDirSync(CASES)].map(({ name }) => `${CASES}${name}`).filter(
  (directory) => {
    try {
      return Deno.statSync(`${directory}/tree`).isDirectory;
    } catch {
      return false;
    }
  },
).sort();

Deno.test("there are golden trees", () => assert.ok(cases.length >= 2));

for (const directory of cases) {
  Deno.test(`the tree of ${directory.split("/").at(-1)} is the golden one`, () => {
    const tree = treeOf(directory);
    if (REWRITE) rewrite(`${directory}/tree`, tree);
    assert.deepEqual(sorted(filesBelow(`${directory}/tree`)), sorted(tree));
  });
}

function sorted(files: ReadonlyMap<string, string>): [string, string][] {
  return [...files].sort(([a], [b]) => a < b ? -1 : 1);
}

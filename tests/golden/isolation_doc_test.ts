import assert from "node:assert/strict";
import { ATTACKS } from "../nftables/_attacks.ts";

const ROOT = new URL("../../", import.meta.url);
const read = (path: string) => Deno.readTextFileSync(new URL(path, ROOT));

/** Rows of the table of promises: what the last column names, suite by suite. */
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

function pathOf(suite: string): string {
  if (suite.startsWith("lib/")) return `${suite}_test.ts`;
  if (suite.includes("/")) return `tests/${suite}_test.ts`;
  if (["local_interface", "parse_trace"].includes(suite)) return `lib/nftables/${suite}_test.ts`;
  if (suite === "not_probed") return "lib/verify/not_probed_test.ts";
  if (suite === "verify") return "lib/verify/verify_test.ts";
  if (suite === "bypass" || suite === "channels") return `lib/infra/check/${suite}_test.ts`;
  if (suite === "real_paths") return "lib/host/real_paths_test.ts";
  if (suite === "publish_conflict") return "lib/nftables/publish_conflict_test.ts";
  if (["owner_hands", "workspace_lock"].includes(suite)) return `lib/host/${suite}_test.ts`;
  return `tests/nftables/${suite}_test.ts`;
}

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

import assert from "node:assert/strict";
import { assignAddresses } from "../../lib/addressing/assign_addresses.ts";
import { parseInfra } from "../../lib/infra/parse_infra.ts";
import { INFRA_ID } from "./_infra.ts";
import { rulesetOf } from "./_rules.ts";

const TESTDATA = new URL("../testdata/", import.meta.url);

/**
 * Returns the cases of tests/testdata with a `ruleset.nft`; `GOLDEN=update` rewrites it, the
 * reviewer reads the diff.
 */
function cases(): string[] {
  return [...Deno.readDirSync(TESTDATA)]
    .filter((entry) => entry.isDirectory && exists(new URL(`${entry.name}/ruleset.nft`, TESTDATA)))
    .map((entry) => entry.name)
    .sort();
}

function exists(url: URL): boolean {
  try {
    return Deno.statSync(url).isFile;
  } catch {
    return false;
  }
}

/** Returns the ruleset of a case, with the addresses of a first apply. */
function render(name: string): string {
  const text = Deno.readTextFileSync(new URL(`${name}/infra.yml`, TESTDATA));
  const { infra, diagnostics } = parseInfra([{ file: "infra.yml", text }]);
  assert.ok(infra, JSON.stringify(diagnostics));
  const { addressing, diagnostics: faults } = assignAddresses(infra, undefined, {
    newUuid: INFRA_ID,
  });
  assert.ok(addressing, JSON.stringify(faults));
  return rulesetOf({ infra, addressing }).text;
}

async function accepts(text: string): Promise<string> {
  const child = new Deno.Command("unshare", {
    args: ["--net", "nft", "-c", "-f", "-"],
    stdin: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
  return new TextDecoder().decode((await child.output()).stderr);
}

Deno.test("there are golden rulesets", () => assert.ok(cases().length >= 3));

for (const name of cases()) {
  Deno.test(`the ruleset of ${name} is the golden one, and nft accepts it`, async () => {
    const golden = new URL(`${name}/ruleset.nft`, TESTDATA);
    const text = render(name);
    if (Deno.env.get("GOLDEN") === "update") Deno.writeTextFileSync(golden, text);
    assert.equal(text, Deno.readTextFileSync(golden));
    assert.equal(await accepts(text), "");
  });
}

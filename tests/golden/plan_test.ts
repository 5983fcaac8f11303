import assert from "node:assert/strict";
import { assignAddresses } from "../../lib/addressing/assign_addresses.ts";
import { parseInfra } from "../../lib/infra/parse_infra.ts";
import type { ActualState } from "../../lib/plan/actual_state.ts";
import { createPlan } from "../../lib/plan/create_plan.ts";
import { createDestroyPlan } from "../../lib/plan/destroy_plan.ts";
import { desiredState } from "../../lib/plan/desired_state.ts";
import type { Plan } from "../../lib/plan/plan.ts";
import { emptyHost } from "../../lib/plan/_plan_fixture.ts";

/**
 * `tests/testdata/<case>/plan.json` is the plan for `<case>/infra.yml` on the host of
 * `<case>/actual.json`, recorded from a real Incus; without that file, on an empty host.
 * `destroy.json` is the plan of `destroy --force` there. `GOLDEN=1` rewrites them: the reviewer
 * reads the diff.
 */
const CASES = new URL("../testdata/", import.meta.url).pathname;
const REWRITE = Deno.env.get("GOLDEN") === "1";
const INFRA_ID = "00000000-0000-4000-8000-000000000000";

function has(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

function actualOf(directory: string): ActualState {
  const path = `${directory}/actual.json`;
  if (!has(path)) {
    const { images: _, ...host } = emptyHost();
    return host;
  }
  return JSON.parse(Deno.readTextFileSync(path)) as ActualState;
}

function planOf(directory: string): Plan {
  const text = Deno.readTextFileSync(`${directory}/infra.yml`);
  const { infra, diagnostics } = parseInfra([{ file: "infra.yml", text }]);
  assert.ok(infra !== undefined, JSON.stringify(diagnostics));
  const { addressing } = assignAddresses(infra, undefined, { newUuid: INFRA_ID });
  assert.ok(addressing !== undefined);
  const firewall = {
    text: "",
    digest: "",
    tables: [`inet anklume_${infra.projectName}`, `bridge anklume_${infra.projectName}`],
  };
  return createPlan(desiredState(infra, addressing, { firewall }), actualOf(directory));
}

function compare(path: string, plan: Plan): void {
  const text = `${JSON.stringify(plan, null, 2)}\n`;
  if (REWRITE) Deno.writeTextFileSync(path, text);
  assert.equal(text, Deno.readTextFileSync(path));
}

const cases = [...Deno.readDirSync(CASES)].map(({ name }) => `${CASES}${name}`)
  .filter((directory) => has(`${directory}/plan.json`)).sort();

Deno.test("there are golden plans", () => assert.ok(cases.length >= 3));

for (const directory of cases) {
  const name = directory.split("/").at(-1);
  Deno.test(`the plan of ${name} is the golden one`, () => {
    compare(`${directory}/plan.json`, planOf(directory));
  });
  if (!has(`${directory}/destroy.json`)) continue;
  Deno.test(`what destroying ${name} would do is the golden one`, () => {
    const { project } = planOf(directory);
    const actual = actualOf(directory);
    compare(
      `${directory}/destroy.json`,
      createDestroyPlan({ project, infraId: INFRA_ID }, actual, { force: true }),
    );
  });
}

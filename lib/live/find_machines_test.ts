import assert from "node:assert/strict";
import { parseInfra } from "../infra/parse_infra.ts";
import { findMachine, selectMachines } from "./find_machines.ts";

const { infra } = parseInfra([{
  file: "infra.yml",
  text: `
project_name: names
domains:
  pro: { machines: { pro-a: {}, pro-b: {} } }
  empty: { machines: {} }
  tp: { copies: 2, machines: { pc: {} } }
`,
}]);

function selected(...names: string[]): string[] {
  return selectMachines(infra!, names).map(({ machine }) => machine.name);
}

Deno.test("selectMachines() takes machines, domains and domains with copies, each machine once", () => {
  assert.deepEqual(selected(), ["pro-a", "pro-b", "tp-01-pc", "tp-02-pc"]);
  assert.deepEqual(selected("pro-b", "pro", "pro-a"), ["pro-a", "pro-b"]);
  assert.deepEqual(selected("tp"), ["tp-01-pc", "tp-02-pc"]);
  assert.deepEqual(selected("tp-02"), ["tp-02-pc"]);
  assert.deepEqual(selected("empty"), []);
});

Deno.test("a name that infra.yml does not have is an error with a suggestion", () => {
  assert.throws(() => selected("pro-aa"), { name: "UserError", remedy: "Did you mean `pro-a`?" });
  assert.throws(() => findMachine(infra!, "pro"), { name: "UserError" });
});

import assert from "node:assert/strict";
import { readEmbeddedAnsible } from "./embedded_files.ts";
import { parseRoleDocs } from "./role_docs.ts";
import { embeddedRoles } from "./render_tree.ts";

Deno.test("every embedded role documents every variable of its defaults, in its specs and its README", () => {
  const embedded = readEmbeddedAnsible();
  const roles = embeddedRoles(embedded);
  assert.ok(roles.includes("base_system"));
  for (const role of roles) {
    const file = (path: string) => embedded.get(`roles/${role}/${path}`) ?? "";
    const docs = parseRoleDocs(file("meta/argument_specs.yml"), file("defaults/main.yml"));
    const defaults = [...file("defaults/main.yml").matchAll(/^(\w+):/gm)].map(([, name]) => name);
    const documented = docs?.variables.map(({ name }) => name) ?? [];
    assert.deepEqual(documented.toSorted(), defaults.toSorted(), role);
    for (const { name, description } of docs?.variables ?? []) {
      assert.ok(description.length > 0, `${role}: ${name} has no description`);
      assert.ok(name.startsWith(`${role}_`), `${role}: ${name}`);
      assert.ok(file("README.md").includes(`\`${name}\``), `${role}: README.md lacks ${name}`);
    }
    assert.match(file("meta/main.yml"), /^ {2}description: .{10,60}$/m, role);
  }
});

Deno.test("parseRoleDocs() reads types, defaults and texts, and answers undefined to what is none", () => {
  const specs = `argument_specs:
  main:
    short_description: Short
    options:
      x_names: { type: list, elements: str, description: [Names such as C(a)., More.] }
      x_port: { type: int, required: true, description: Port. }
`;
  assert.deepEqual(parseRoleDocs(specs, "x_names: [a,  b]\n"), {
    description: ["Short"],
    variables: [
      {
        name: "x_names",
        type: "list of str",
        required: false,
        fallback: '["a","b"]',
        description: ["Names such as a.", "More."],
      },
      {
        name: "x_port",
        type: "int",
        required: true,
        fallback: undefined,
        description: ["Port."],
      },
    ],
  });
  for (const text of [undefined, "", "[]", "argument_specs: 1", ": {", "a: b: c"]) {
    assert.equal(parseRoleDocs(text, undefined), undefined);
  }
});

import assert from "node:assert/strict";
import { fillTemplate, projectName } from "./init.ts";

Deno.test("projectName() makes a DNS label of a directory's name, or nothing", () => {
  assert.equal(projectName("/home/ada/Home Lab"), "home-lab");
  assert.equal(projectName("lab"), "lab");
  assert.equal(projectName("/srv/2024_tp.réseau"), "tp-r-seau");
  assert.equal(projectName("/"), undefined);
  assert.equal(projectName(`/${"x".repeat(80)}`), "x".repeat(32));
});

Deno.test("fillTemplate() replaces name and image and nothing else", () => {
  const template = 'project_name: a\n\nglobal:\n  default_os_image: "b"\n# project_name: kept\n';
  assert.equal(
    fillTemplate(template, "home-lab", "local:$&"),
    'project_name: home-lab\n\nglobal:\n  default_os_image: "local:$&"\n# project_name: kept\n',
  );
  assert.equal(fillTemplate(template, undefined, undefined), template);
});

for (const name of ["minimal", "workstation", "classroom"]) {
  Deno.test(`the template ${name} has the lines that init fills in`, async () => {
    const text = await Deno.readTextFile(
      new URL(`../../../examples/${name}/infra.yml`, import.meta.url),
    );
    const filled = fillTemplate(text, "filled-name", "local:filled");
    assert.match(filled, /^project_name: filled-name$/m);
    assert.match(filled, /^ {2}default_os_image: "local:filled"$/m);
  });
}

import assert from "node:assert/strict";
import { provisionDigest } from "./provision_digest.ts";
import type { ProvisionFiles } from "./provision_files.ts";
import { type Infra, machinesOf } from "../infra/infra.ts";
import { parseInfra } from "../infra/parse_infra.ts";
import { provisionNeeds } from "./provision_needs.ts";

const text = `project_name: t
domains:
  pro:
    machines:
      pro-dev: { roles: [web] }
      pro-off: { roles: [web], state: stopped }
      pro-bare: {}
  lab:
    machines: { lab-one: { roles: [web] } }
  off:
    enabled: false
    machines: { off-one: { roles: [web] } }
`;
const infra = parseInfra([{ file: "infra.yml", text }]).infra as Infra;
const files: ProvisionFiles = new Map([["site.yml", { digest: "1", text: "---\n" }]]);
const choice = { domains: undefined, always: false, anew: new Set<string>() };

function names(...args: Parameters<typeof provisionNeeds>): string[] {
  return provisionNeeds(...args).map(({ machine }) => machine);
}

function provisioned(name: string, running = true) {
  const machine = machinesOf(infra).find((each) => each.name === name);
  const domain = infra.domains.find((each) => each.name === machine?.domain);
  assert.ok(machine && domain);
  const digest = provisionDigest(infra, machine, domain, files);
  return [`${domain.name}/${name}`, {
    running,
    config: { "user.anklume.provisioned": digest },
  }] as const;
}

Deno.test("provisionNeeds() names machines with roles that run or are about to, of enabled domains", () => {
  assert.deepEqual(names(infra, files, new Map(), choice), ["pro-dev", "lab-one"]);
});

Deno.test("provisionNeeds() leaves out what is provisioned, unless everything is asked for", () => {
  const live = new Map([provisioned("pro-dev")]);
  assert.deepEqual(names(infra, files, live, choice), ["lab-one"]);
  const always = { ...choice, always: true };
  assert.deepEqual(names(infra, files, live, always), ["pro-dev", "pro-bare", "lab-one"]);
});

Deno.test("provisionNeeds() provisions again what is about to be rebuilt", () => {
  const live = new Map([provisioned("pro-dev"), provisioned("lab-one")]);
  const anew = new Set(["pro/pro-dev"]);
  assert.deepEqual(names(infra, files, live, { ...choice, anew }), ["pro-dev"]);
});

Deno.test("provisionNeeds() takes a stopped machine only while it runs", () => {
  const running = new Map([["pro/pro-off", { running: true, config: {} }]]);
  assert.ok(names(infra, files, running, choice).includes("pro-off"));
});

Deno.test("provisionNeeds() counts machines without roles where the user wrote plays", () => {
  const plays = new Map([["site.yml", { digest: "2", text: "- hosts: all\n" }]]);
  assert.deepEqual(names(infra, plays, new Map(), { ...choice, domains: ["pro"] }), [
    "pro-dev",
    "pro-bare",
  ]);
});

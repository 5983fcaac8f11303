import assert from "node:assert/strict";
import type { Addressing } from "../addressing/addressing.ts";
import type { Infra } from "../infra/infra.ts";
import type { ActualState } from "../plan/actual_state.ts";
import type { Plan } from "../plan/plan.ts";
import { buildStatus } from "./build_status.ts";

// Only the fields that are read.
const machine = (name: string, bypassesIsolation: string[] = []) => ({
  name,
  type: "lxc",
  image: { text: "local:x" },
  bypassesIsolation,
  roles: [],
});
const infra = {
  projectName: "home-lab",
  domains: [{
    name: "pro",
    trustLevel: "trusted",
    enabled: true,
    internet: { kind: "via", interfaces: ["wg0"] },
    machines: [machine("pro-dev"), machine("pro-mail", ["eth1"])],
  }],
} as unknown as Infra;
const addressing = {
  infraId: "0b1c",
  domains: new Map([["pro", { bridge: "net-pro", subnet: "10.110.0.0/24" }]]),
  machines: new Map([["pro-dev", { ip: "10.110.0.1" }], ["pro-mail", { ip: "10.110.0.2" }]]),
} as unknown as Addressing;
const actual = {
  firewall: { state: "different", differences: ["one rule more", "one rule less"] },
  resources: [
    { kind: "network", addr: { kind: "network", name: "net-pro" } },
    {
      kind: "instance",
      addr: { kind: "instance", project: "pro", name: "pro-dev" },
      status: "Running",
    },
  ],
} as unknown as ActualState;
const plan = {
  changes: [
    {
      addr: { kind: "instance", project: "pro", name: "pro-dev" },
      action: "update",
      fields: [{ path: "devices.eth9", breach: true }, { path: "config.limits.cpu" }],
    },
    { addr: { kind: "instance", project: "pro", name: "pro-mail" }, action: "create", fields: [] },
  ],
  held: [],
  orphans: [{ addr: { kind: "network", name: "net-old" }, protected: false }],
} as unknown as Plan;

Deno.test("buildStatus() joins what is declared with what is live", () => {
  const status = buildStatus(infra, addressing, actual, plan);
  assert.deepEqual(
    status.machines.map(({ name, state, ip, pending }) => [name, state, ip, pending]),
    [
      ["pro-dev", "running", "10.110.0.1", "update"],
      ["pro-mail", "absent", "10.110.0.2", "create"],
    ],
  );
  assert.deepEqual(status.domains[0], {
    name: "pro",
    trustLevel: "trusted",
    enabled: true,
    subnet: "10.110.0.0/24",
    bridge: "net-pro",
    internet: "via wg0",
    present: true,
    trouble: [],
  });
  assert.equal(status.pending, 2);
});

Deno.test("buildStatus() names doors, declared or not, and orphans", () => {
  const status = buildStatus(infra, addressing, actual, plan);
  assert.deepEqual(status.breaches, ["instance pro/pro-dev: devices.eth9"]);
  assert.deepEqual(status.bypasses, ["pro-mail: eth1"]);
  assert.deepEqual(status.orphans, ["network net-old"]);
  assert.deepEqual(status.firewall, { state: "different", detail: "one rule more (and 1 more)" });
});

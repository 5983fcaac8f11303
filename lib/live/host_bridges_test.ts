import assert from "node:assert/strict";
import { assignAddresses } from "../addressing/assign_addresses.ts";
import { sketchInfra } from "../infra/_infra_builder.ts";
import { appliedHost, desiredOf, INFRA_ID } from "../plan/_plan_fixture.ts";
import { plugsOf } from "./host_bridges.ts";

Deno.test("plugsOf() takes no interface for a machine's port because the lock calls it one", () => {
  const infra = sketchInfra([{ name: "pro", machines: ["pro-dev"] }]);
  const { addressing } = assignAddresses(infra, undefined, { newUuid: INFRA_ID });
  const state = appliedHost(desiredOf(infra));
  const owner = { project: infra.projectName, infraId: INFRA_ID };
  const port = addressing!.machines.get("pro-dev")!.hostName;
  const bridge = addressing!.domains.get("pro")!.bridge;
  const running = (given: typeof addressing) =>
    plugsOf(infra, given!, owner, state).running.get(bridge) ?? [];
  assert.deepEqual(running(addressing), [port]);

  const [machine] = addressing!.machines.values();
  const machines = new Map([["pro-dev", { ...machine!, hostName: "akofanother" }]]);
  assert.deepEqual(running({ ...addressing!, machines }), [], "the machine has no such port");
});

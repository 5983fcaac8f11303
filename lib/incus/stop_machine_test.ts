import assert from "node:assert/strict";
import type { IncusClient } from "./incus_client.ts";
import { IncusError } from "./incus_error.ts";
import { stopMachine, type StopOptions } from "./stop_machine.ts";

/** Stops a running machine that never shuts down by itself; returns the requests. */
async function requestsOf(options: Partial<StopOptions>, status = "Running") {
  const requests: unknown[] = [];
  const instances = {
    setState: (_project: string, _name: string, request: { force?: true }) => {
      requests.push(request);
      if (request.force) return Promise.resolve();
      return Promise.reject(
        new IncusError(400, "PUT", "/state", "timed out"),
      );
    },
  };
  const machine = { project: "pro", name: "db", status };
  await stopMachine({ instances } as unknown as IncusClient, machine, {
    graceS: 30,
    wake: () => Promise.resolve(),
    ...options,
  }).catch((error) => requests.push(error.name));
  return requests;
}

const KILL = { action: "stop", force: true };

Deno.test("stopMachine() asks first, and kills only where it may", async () => {
  assert.deepEqual(await requestsOf({}), [{ action: "stop", timeout: 30 }, KILL]);
  assert.deepEqual(await requestsOf({ graceS: "none" }), [KILL]);
  assert.deepEqual(await requestsOf({}, "Frozen"), [KILL]);
});

Deno.test("stopMachine() without a second of patience still does not kill a machine that must not be", async () => {
  for (const graceS of [0, 30]) {
    assert.deepEqual(await requestsOf({ graceS, pullsPlug: false }), [
      { action: "stop", timeout: graceS },
      "IncusError",
    ]);
  }
});

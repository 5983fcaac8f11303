import assert from "node:assert/strict";
import type { IncusClient } from "../incus/incus_client.ts";
import { startInstance } from "./instance_io.ts";

/** What is asked of Incus to start a machine that is in this state; a real Incus brings none into `Error` on demand. */
async function requestsFrom(status: string): Promise<unknown[]> {
  const requests: unknown[] = [];
  const setState = (project: string, name: string, body: object) => {
    requests.push([project, name, body]);
    return Promise.resolve();
  };
  const incus = { instances: { setState } } as unknown as IncusClient;
  const addr = { kind: "instance", name: "pro-dev", project: "pro" } as const;
  await startInstance({ incus, progress: () => {} }, addr, status);
  return requests;
}

Deno.test("startInstance() ends what is in error first, and unfreezes what is frozen", async () => {
  const start = ["pro", "pro-dev", { action: "start" }];
  assert.deepEqual(await requestsFrom("Error"), [
    ["pro", "pro-dev", { action: "stop", force: true }],
    start,
  ]);
  assert.deepEqual(await requestsFrom("Frozen"), [["pro", "pro-dev", { action: "unfreeze" }]]);
  assert.deepEqual(await requestsFrom("Stopped"), [start]);
});

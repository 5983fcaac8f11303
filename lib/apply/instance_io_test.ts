import assert from "node:assert/strict";
import { IncusError } from "../incus/incus_error.ts";
import type { IncusClient } from "../incus/incus_client.ts";
import { startInstance } from "./instance_io.ts";
import type { HostCleanup } from "./step_context.ts";

const ADDR = { kind: "instance", name: "pro-dev", project: "pro" } as const;
const START = ["pro", "pro-dev", { action: "start" }];
const PLUG = ["pro", "pro-dev", { action: "stop", force: true }];

/**
 * Returns the requests to Incus and to the host when a machine in this state is started. `after` is
 * its state after its monitor was continued.
 */
async function requestsFrom(status: string, after?: string): Promise<unknown[]> {
  const requests: unknown[] = [];
  let now = status;
  const setState = (project: string, name: string, body: object) => {
    requests.push([project, name, body]);
    // The error of Incus 6.0.
    if (now !== "Error") return Promise.resolve();
    return Promise.reject(new IncusError(400, "PUT", "/", "The instance is already stopped"));
  };
  const get = () => Promise.resolve({ value: { status: now } });
  const incus = { instances: { setState, get } } as unknown as IncusClient;
  const wakeMonitor = (container: string) => {
    requests.push(container);
    if (after !== undefined) now = after;
    return Promise.resolve(after !== undefined);
  };
  const cleanup = { wakeMonitor } as unknown as HostCleanup;
  try {
    await startInstance({ incus, cleanup, progress: () => {} }, ADDR, status);
  } catch (error) {
    requests.push((error as Error).message);
  }
  return requests;
}

Deno.test("startInstance() wakes what is in error, or ends it first, and unfreezes what is frozen", async () => {
  assert.deepEqual(await requestsFrom("Error", "Running"), ["pro_pro-dev"]);
  assert.deepEqual(await requestsFrom("Error", "Stopped"), ["pro_pro-dev", START]);
  assert.deepEqual(await requestsFrom("Error", "Frozen"), ["pro_pro-dev", PLUG, START]);
  assert.deepEqual(await requestsFrom("Error"), [
    ...["pro_pro-dev", "pro_pro-dev", PLUG],
    "The instance is already stopped",
  ]);
  assert.deepEqual(await requestsFrom("Frozen"), [["pro", "pro-dev", { action: "unfreeze" }]]);
  assert.deepEqual(await requestsFrom("Stopped"), [START]);
});

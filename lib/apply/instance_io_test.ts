import assert from "node:assert/strict";
import { IncusError } from "../incus/incus_error.ts";
import type { IncusClient } from "../incus/incus_client.ts";
import { startInstance } from "./instance_io.ts";
import type { HostCleanup } from "./step_context.ts";

const ADDR = { kind: "instance", name: "pro-dev", project: "pro" } as const;
const START = ["pro", "pro-dev", { action: "start" }];
const PLUG = ["pro", "pro-dev", { action: "stop", force: true }];

/** What is asked of Incus, and of the host, to start a machine that is in this state. */
async function requestsFrom(status: string, monitor?: boolean): Promise<unknown[]> {
  const requests: unknown[] = [];
  let now = status;
  const setState = (project: string, name: string, body: object) => {
    requests.push([project, name, body]);
    // As Incus 6.0 says.
    if (now !== "Error") return Promise.resolve();
    return Promise.reject(new IncusError(400, "PUT", "/", "The instance is already stopped"));
  };
  const get = () => Promise.resolve({ value: { status: now } });
  const incus = { instances: { setState, get } } as unknown as IncusClient;
  const endMonitor = (container: string) => {
    requests.push(container);
    if (monitor) now = "Stopped";
    return Promise.resolve(monitor);
  };
  const cleanup = monitor === undefined ? undefined : { endMonitor } as unknown as HostCleanup;
  try {
    await startInstance({ incus, cleanup, progress: () => {} }, ADDR, status);
  } catch (error) {
    requests.push((error as Error).message);
  }
  return requests;
}

Deno.test("startInstance() ends what is in error first, where it can, and unfreezes what is frozen", async () => {
  assert.deepEqual(await requestsFrom("Error", true), ["pro_pro-dev", START]);
  const refused = [PLUG, "The instance is already stopped"];
  assert.deepEqual(await requestsFrom("Error", false), ["pro_pro-dev", ...refused]);
  assert.deepEqual(await requestsFrom("Error"), refused);
  assert.deepEqual(await requestsFrom("Frozen"), [["pro", "pro-dev", { action: "unfreeze" }]]);
  assert.deepEqual(await requestsFrom("Stopped"), [START]);
});

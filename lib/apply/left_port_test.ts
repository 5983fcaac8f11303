import assert from "node:assert/strict";
import { IncusError } from "../incus/incus_error.ts";
import type { IncusClient } from "../incus/incus_client.ts";
import { freePort, removeLeftPorts } from "./left_port.ts";
import type { HostCleanup } from "./step_context.ts";

/**
 * Returns a host with these interfaces and one machine in this state. The machine has the port
 * `akmachine`, either declared or recorded by Incus.
 */
function host(interfaces: string[], status: string, by: "device" | "volatile" = "device") {
  const removed: string[] = [];
  let asked = 0;
  const machine = {
    name: "web",
    project: "pro",
    status,
    config: by === "volatile" ? { "volatile.eth0.host_name": "akmachine" } : {},
    devices: {},
    expanded_devices: {
      eth0: { type: "nic", network: "net-pro", ...by === "device" && { host_name: "akmachine" } },
    },
  };
  const list = () => {
    asked++;
    return Promise.resolve([machine]);
  };
  const incus = { instances: { list } } as unknown as IncusClient;
  const cleanup = {
    hasInterface: (name: string) => Promise.resolve(interfaces.includes(name)),
    removeInterface: (name: string) => {
      removed.push(name);
      return Promise.resolve();
    },
  } as unknown as HostCleanup;
  return { context: { incus, cleanup, progress: () => {} }, removed, asked: () => asked };
}

Deno.test("removeLeftPorts() takes away what stands, is named as ours, and no machine has that is not stopped", async () => {
  const every = ["akmachine", "akother", "eth0", "akgone"];
  const there = ["akmachine", "akother", "eth0"];
  for (const status of ["Running", "Frozen", "Error", "Stopping", "Starting"]) {
    for (const by of ["device", "volatile"] as const) {
      const { context, removed } = host(there, status, by);
      assert.equal(await removeLeftPorts(context, every), 1);
      assert.deepEqual(removed, ["akother"], `${status}, ${by}`);
    }
  }
  const { context, removed } = host(there, "Stopped");
  assert.equal(await removeLeftPorts(context, every), 2);
  assert.deepEqual(removed, ["akmachine", "akother"]);
});

Deno.test("removeLeftPorts() does not ask Incus where none stands, nor where nobody can look", async () => {
  const { context, asked } = host([], "Stopped");
  assert.equal(await removeLeftPorts(context, ["akmachine"]), 0);
  assert.equal(await removeLeftPorts({ ...context, cleanup: undefined }, ["akmachine"]), 0);
  assert.equal(asked(), 0);
});

Deno.test("freePort() believes Incus's words about a port only where they name one of ours", async () => {
  // As 6.0 says it, which asks `ip`; and 7.0.
  const failed = (name: string, why = "File exists") =>
    new IncusError(
      400,
      "PUT",
      "/",
      `Failed to create the veth interfaces "${name}" and "veth1": ${why}`,
    );
  const { context, removed } = host(["akother", "eth0", "ak; reboot"], "Running");
  assert.equal(await freePort(context, failed("akother")), true);
  assert.equal(await freePort(context, failed("akother", "file exists")), true);
  for (const name of ["eth0", "ak; reboot", "akgone"]) {
    assert.equal(await freePort(context, failed(name)), false, name);
  }
  assert.equal(await freePort(context, new Error("akother")), false);
  assert.deepEqual(removed, ["akother", "akother"]);
});

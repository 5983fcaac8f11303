import assert from "node:assert/strict";
import { IncusError } from "../incus/incus_error.ts";
import type { IncusClient } from "../incus/incus_client.ts";
import { freePort, removePortsOfDeleted } from "./left_port.ts";
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

/** Incus's refusal of a start, as 6.0 says it, which asks `ip`; and 7.0. */
const refusal = (name: string, why = "File exists") =>
  new IncusError(
    400,
    "PUT",
    "/",
    `Failed to create the veth interfaces "${name}" and "veth1": ${why}`,
  );

const STATES = ["Running", "Frozen", "Error", "Stopping", "Starting"];

Deno.test("removePortsOfDeleted() removes what exists, has a name of ours, and belongs to no machine", async () => {
  // A machine that starts after its move is still called stopped.
  for (const status of [...STATES, "Stopped"]) {
    for (const by of ["device", "volatile"] as const) {
      const { context, removed } = host(["akmachine", "akother", "eth0"], status, by);
      const ports = ["akmachine", "akother", "eth0", "akgone"];
      assert.equal(await removePortsOfDeleted(context, ports), 1);
      assert.deepEqual(removed, ["akother"], `${status}, ${by}`);
    }
  }
});

Deno.test("removePortsOfDeleted() does not ask Incus if no port exists, or if nobody can look", async () => {
  const { context, asked } = host([], "Stopped");
  assert.equal(await removePortsOfDeleted(context, ["akmachine"]), 0);
  assert.equal(await removePortsOfDeleted({ ...context, cleanup: undefined }, ["akmachine"]), 0);
  assert.equal(asked(), 0);
});

Deno.test("freePort() removes the port of a stopped machine, and of no other", async () => {
  for (const status of STATES) {
    const { context, removed } = host(["akmachine"], status);
    assert.equal(await freePort(context, refusal("akmachine")), false);
    assert.deepEqual(removed, [], status);
  }
  const { context, removed } = host(["akmachine"], "Stopped");
  assert.equal(await freePort(context, refusal("akmachine")), true);
  assert.deepEqual(removed, ["akmachine"]);
});

Deno.test("freePort() believes Incus's words about a port only where they name one of ours", async () => {
  const { context, removed } = host(["akother", "eth0", "ak; reboot"], "Running");
  assert.equal(await freePort(context, refusal("akother")), true);
  assert.equal(await freePort(context, refusal("akother", "file exists")), true);
  for (const name of ["eth0", "ak; reboot", "akgone"]) {
    assert.equal(await freePort(context, refusal(name)), false, name);
  }
  assert.equal(await freePort(context, new Error("akother")), false);
  assert.deepEqual(removed, ["akother", "akother"]);
});

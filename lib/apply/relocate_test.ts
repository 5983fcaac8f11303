import assert from "node:assert/strict";
import type { ActualInstance } from "../resource/instance.ts";
import type { Change } from "../plan/plan.ts";
import { arrived } from "./relocate.ts";

Deno.test("arrived() gives moved volumes' devices back with what others set on them", () => {
  const eth0 = { type: "nic", network: "net-two" };
  const machine = (devices: ActualInstance["devices"]): ActualInstance => ({
    kind: "instance",
    addr: { kind: "instance", name: "www", project: "two" },
    description: "",
    config: {},
    type: "lxc",
    status: "Stopped",
    devices,
    expandedDevices: devices,
    profiles: ["default"],
  });
  const data = { type: "disk", pool: "default", source: "web-data", path: "/data", shift: "true" };
  const before = machine({
    eth0: { ...eth0, network: "net-one" },
    "vol-data": data,
    theirs: { ...data, path: "/again" },
    other: { type: "disk", pool: "second", source: "web-data", path: "/other" },
  });
  const volume = (name: string, pool: string) => ({ kind: "volume" as const, name, pool });
  const change: Change = {
    addr: before.addr,
    action: "update",
    moves: [{ from: volume("web-data", "default"), to: volume("www-data", "second") }],
    fields: [],
    effect: "restart",
    reason: "",
    dependsOn: [],
    needsForce: false,
  };
  const kept = { architecture: "x86_64", ephemeral: false, stateful: false };
  const { actual } = arrived({ actual: machine({ eth0 }), etag: "", kept }, before, change);
  const moved = { ...data, pool: "second", source: "www-data" };
  assert.deepEqual(actual.devices, {
    eth0,
    "vol-data": moved,
    theirs: { ...moved, path: "/again" },
  });
});

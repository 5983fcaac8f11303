import assert from "node:assert/strict";
import type { Instance } from "../incus/wire/instance.ts";
import type { DesiredInstance } from "../resource/instance.ts";
import { MARK } from "../resource/mark.ts";
import { convergedBody, isConverged } from "./converge_restored.ts";

function instance(config: Record<string, string>, devices: Instance["devices"] = {}): Instance {
  return {
    name: "db",
    project: "pro",
    type: "container",
    architecture: "x86_64",
    description: "",
    config,
    devices,
    ephemeral: false,
    profiles: ["default"],
    stateful: false,
    status: "Stopped",
    status_code: 102,
    created_at: "",
    last_used_at: "",
    location: "none",
  };
}

Deno.test("convergedBody() keeps doors shut on a machine that infra.yml no longer declares", () => {
  const before = instance(
    { [MARK.infra]: "new", "security.nesting": "false", "limits.cpu": "1", [MARK.image]: "new" },
    { eth0: { type: "nic", network: "net-pro", "ipv4.address": "10.0.0.9" } },
  );
  const restored = instance(
    { [MARK.infra]: "old", "raw.lxc": "x", "limits.cpu": "2", [MARK.image]: "old" },
    {
      eth0: { type: "nic", network: "net-pro", "ipv4.address": "10.0.0.1" },
      eth9: { type: "nic" },
    },
  );
  const body = convergedBody(restored, before, undefined, []);
  assert.deepEqual(body.devices, before.devices);
  assert.deepEqual(body.config, {
    [MARK.infra]: "new",
    "security.nesting": "false",
    "limits.cpu": "2",
    // Describes the content of the disk, so it is restored with it.
    [MARK.image]: "old",
  });
});

Deno.test("convergedBody() keeps a protection that was set since", () => {
  const before = instance({ "security.protection.delete": "true" });
  const body = convergedBody(instance({}), before, undefined, []);
  assert.equal(body.config["security.protection.delete"], "true");
});

Deno.test("isConverged() does not mind the order of keys", () => {
  const restored = instance({ a: "1", b: "2" }, { root: { type: "disk", path: "/" } });
  const body = convergedBody(instance({ b: "2", a: "1" }), restored, undefined, []);
  assert.equal(
    isConverged(restored, { ...body, devices: { root: { path: "/", type: "disk" } } }),
    true,
  );
  assert.equal(isConverged(restored, { ...body, description: "x" }), false);
});

Deno.test("convergedBody() leaves disks where they are, and out what does not stand yet", () => {
  const root = (pool: string) => ({ root: { type: "disk", path: "/", pool } });
  const volume = (pool: string, source: string) => ({ type: "disk", path: "/x", pool, source });
  const before = instance({}, { ...root("fast"), moved: volume("fast", "db-moved") });
  const desired = {
    addr: { kind: "instance", project: "pro", name: "db" },
    description: "",
    config: {},
    devices: {
      ...root("slow"),
      moved: volume("slow", "db-moved"),
      made: volume("slow", "db-made"),
      // Missing, since the snapshot is from before it was made.
      back: volume("slow", "db-back"),
    },
    profiles: ["default", "made"],
  } as unknown as DesiredInstance;
  const volumes = [
    { pool: "fast", project: "pro", volume: "db-moved" },
    { pool: "slow", project: "pro", volume: "db-back" },
  ];
  const restored = instance({}, root("fast"));
  const { devices, profiles } = convergedBody(restored, before, desired, volumes);
  assert.deepEqual(profiles, ["default"]);
  assert.deepEqual(devices, { ...before.devices, back: volume("slow", "db-back") });
});

import assert from "node:assert/strict";
import { sketchInfra } from "../infra/_infra_builder.ts";
import { desiredOf, withMachines } from "../plan/_plan_fixture.ts";
import type { ActualInstance, DesiredInstance } from "./instance.ts";
import { compareInstance } from "./instance_compare.ts";
import { MARK } from "./mark.ts";

/** Returns an admin container of an anklume that was installed at `binary`. */
function admin(binary: string): DesiredInstance {
  const infra = withMachines(sketchInfra([{ name: "ops", machines: ["ops-admin"] }]), {
    "ops-admin": { roles: ["admin"] },
  });
  const mounts = { socket: "/var/lib/incus/unix.socket", workspace: "/srv/lab", binary };
  return desiredOf(infra, { admin: mounts }).resources
    .find((resource) => resource.kind === "instance")!;
}

function live({ kind, addr, type, description, config, devices, profiles }: DesiredInstance) {
  return {
    kind,
    addr,
    type,
    description,
    config,
    devices,
    profiles,
    status: "Running",
    expandedDevices: devices,
    createdAt: "2026-01-01T00:00:00Z",
  } satisfies ActualInstance;
}

Deno.test("compareInstance() takes a program that an upgrade laid elsewhere for no door, what somebody changed for one", () => {
  const before = live(admin("/root/anklume/anklume"));
  const sources = (actual: ActualInstance) =>
    compareInstance(admin("/usr/bin/anklume"), actual)
      .filter(({ path }) => path === "devices.anklume-binary.source")
      .map(({ breach }) => breach ?? false);
  const { seals: _, ...older } = JSON.parse(before.config[MARK.managed]!);
  const unsealed = { ...before.config, [MARK.managed]: JSON.stringify(older) };
  assert.deepEqual(sources({ ...before, config: unsealed }), [false], "an older anklume's");
  assert.deepEqual(sources(before), [false], "as it was written");
  const share = { ...before.devices["anklume-binary"]!, source: "/etc/shadow" };
  const byHand = { ...before.devices, "anklume-binary": share };
  assert.deepEqual(
    sources({ ...before, devices: byHand, expandedDevices: byHand }),
    [true],
    "by hand",
  );
});

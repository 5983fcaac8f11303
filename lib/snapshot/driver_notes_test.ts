import assert from "node:assert/strict";
import type { Instance } from "../incus/wire/instance.ts";
import { driverNotes } from "./driver_notes.ts";
import type { LiveMachine } from "./live_machine.ts";

const MACHINE: LiveMachine = {
  project: "pro",
  name: "db",
  domain: "pro",
  status: "Running",
  instance: {} as Instance,
  protected: false,
  volumes: [{ device: "vol-data", pool: "slow", project: "pro", volume: "db-data" }],
  rootPool: "tank",
};

function notes(driver: string, config: Record<string, string> = {}, name = "tank"): string[] {
  return driverNotes([MACHINE], [{ name, driver, config }]);
}

Deno.test("driverNotes() tells the limits of the pools that are concerned, and of no other", () => {
  assert.deepEqual(notes("btrfs"), []);
  assert.deepEqual(notes("lvm"), []);
  assert.match(notes("lvm", { "lvm.use_thinpool": "false" })[0] ?? "", /reserves/);
  assert.match(
    notes("dir", {}, "slow")[0] ?? "",
    /^pool slow \(dir\): each snapshot is a full copy/,
  );
  assert.deepEqual(notes("dir", {}, "other"), []);
  assert.match(notes("zfs")[0] ?? "", /only the latest/);
  assert.match(notes("zfs", { "volume.zfs.remove_snapshots": "true" })[0] ?? "", /removes/);
});

import assert from "node:assert/strict";
import type { Instance, InstanceSnapshot } from "../incus/wire/instance.ts";
import type { Inventory } from "./inventory.ts";
import type { LiveMachine } from "./live_machine.ts";
import { planRestore } from "./plan_restore.ts";
import type { SetMember, SnapshotSet } from "./snapshot_set.ts";

const [T1, T2] = ["2026-11-25T09:00:00Z", "2026-11-25T10:00:00Z"] as const;
const WHOLE = { wholeScope: true, self: new Set<string>() } as const;

function snapshot(name: string, created_at: string): InstanceSnapshot {
  return { name, created_at, expires_at: "0001-01-01T00:00:00Z", stateful: false };
}

function machine(name: string, more: Partial<LiveMachine> = {}): LiveMachine {
  const snapshots = [snapshot("one", T1), snapshot("two", T2)];
  return {
    project: "pro",
    name,
    domain: "pro",
    status: "Running",
    instance: { snapshots } as unknown as Instance,
    protected: false,
    volumes: [],
    rootPool: "tank",
    ...more,
  };
}

function member(name: string, more: Partial<SetMember> = {}): SetMember {
  return { project: "pro", machine: name, gone: false, snapshot: "one", volumes: [], ...more };
}

function set(...members: SetMember[]): SnapshotSet {
  return { name: "one", origin: "manual", at: T1, members, faults: [] };
}

function inventory(driver: string, more: Partial<Inventory> = {}): Inventory {
  return {
    machines: [],
    pools: [{ name: "tank", driver, config: {} }],
    notes: new Map(),
    restores: new Map(),
    outdated: [],
    volumeSnapshots: [],
    rootSnapshots: [],
    sets: [],
    ...more,
  };
}

Deno.test("planRestore() sorts machines: back, gone, broken, left alone", () => {
  const scope = [machine("db"), machine("web"), machine("new")];
  const broken = { gone: false, volumes: [{ pool: "tank", volume: "web-data" }] };
  const plan = planRestore(
    set(member("db"), member("web", broken), member("old", { gone: true })),
    inventory("btrfs"),
    scope,
    WHOLE,
  );
  assert.deepEqual(plan.machines.map(({ live }) => live.name), ["db"]);
  assert.deepEqual(plan.broken.map(({ machine }) => machine), ["web"]);
  assert.deepEqual(plan.gone.map(({ machine }) => machine), ["old"]);
  assert.deepEqual(plan.leftAlone.map(({ name }) => name), ["new"]);
  assert.deepEqual(plan.zfs, []);
});

Deno.test("planRestore() names a machine that was made anew, also where it alone is meant", () => {
  const plan = planRestore(
    set(member("db"), member("web", { gone: true, anew: true })),
    inventory("btrfs"),
    [machine("web")],
    { ...WHOLE, wholeScope: false },
  );
  assert.deepEqual(plan.machines, []);
  assert.deepEqual(plan.gone.map(({ machine }) => machine), ["web"]);
  assert.deepEqual(plan.leftAlone, []);
});

Deno.test("planRestore() leaves the machine that anklume runs in to the host", () => {
  const plan = planRestore(
    set(member("db"), member("admin-ws")),
    inventory("btrfs"),
    [machine("db"), machine("admin-ws")],
    { wholeScope: true, self: new Set(["pro/admin-ws", "other/db"]) },
  );
  assert.deepEqual(plan.machines.map(({ live }) => live.name), ["db"]);
  assert.deepEqual(plan.ground.map(({ name }) => name), ["admin-ws"]);
});

Deno.test("planRestore() starts what runs, and what an interrupted restore stopped", () => {
  const scope = [machine("db", { status: "Stopped" }), machine("web", { status: "Stopped" })];
  const restores = new Map([["pro", { db: { set: "one", ran: true } }]]);
  const plan = planRestore(
    set(member("db"), member("web")),
    inventory("btrfs", { restores }),
    scope,
    WHOLE,
  );
  assert.deepEqual(plan.machines.map(({ runs }) => runs), [true, false]);
});

Deno.test("planRestore() names volumes that are gone, and volumes that are newer than the set", () => {
  const place = (volume: string) => ({ device: volume, pool: "tank", project: "pro", volume });
  const live = machine("db", { volumes: [place("db-data"), place("db-new")] });
  const volumes = ["db-data", "db-lost"].map((volume) => ({
    pool: "tank",
    volume,
    snapshot: "one",
  }));
  const { machines: [planned] } = planRestore(
    set(member("db", { volumes })),
    inventory("btrfs"),
    [live],
    WHOLE,
  );
  assert.deepEqual(planned?.lostVolumes, ["db-lost"]);
  assert.equal(planned?.member.volumes.some(({ volume }) => volume === "db-lost"), false);
  assert.deepEqual(planned?.newVolumes, ["db-new"]);
});

Deno.test("planRestore() knows what ZFS would remove: newer snapshots of the disk and of its volumes", () => {
  const place = { pool: "tank", project: "pro", volume: "db-data" };
  const volumeSnapshots = [
    { ...place, name: "one", created_at: T1 },
    { ...place, name: "auto-1", created_at: T2 },
  ];
  const live = machine("db", { volumes: [{ device: "vol-data", ...place }] });
  const wanted = set(
    member("db", { volumes: [{ pool: "tank", volume: "db-data", snapshot: "one" }] }),
  );
  const plan = planRestore(wanted, inventory("zfs", { volumeSnapshots }), [live], WHOLE);
  assert.deepEqual(plan.zfs, [
    { pool: "tank", removes: false, newer: ["db: two", "db-data: auto-1"] },
  ]);
  const config = { "volume.zfs.remove_snapshots": "true" };
  const may = inventory("zfs", { pools: [{ name: "tank", driver: "zfs", config }] });
  assert.equal(planRestore(wanted, may, [live], WHOLE).zfs[0]?.removes, true);
});

Deno.test("planRestore() puts a machine back whose volume was deleted since, and leaves another of its name alone", () => {
  const place = { device: "data", pool: "tank", project: "pro", volume: "db-data" };
  const gone = { pool: "tank", volume: "db-data", gone: true } as const;
  const logs = { pool: "tank", volume: "db-logs", gone: true } as const;
  const scope = [machine("db", { volumes: [place] })];
  const plan = planRestore(
    set(member("db", { volumes: [gone, logs] })),
    inventory("btrfs"),
    scope,
    WHOLE,
  );
  const [back] = plan.machines;
  assert.deepEqual(back?.member.volumes, []);
  assert.deepEqual(back?.goneVolumes, ["db-data", "db-logs"]);
  assert.deepEqual(back?.lostVolumes, []);
  assert.deepEqual(back?.newVolumes, ["db-data"]);
});

Deno.test("planRestore() names a volume that another machine has, too, and that runs", () => {
  const data = { device: "data", pool: "tank", project: "pro", volume: "db-data" };
  const disk = { type: "disk", pool: "tank", source: "db-data", path: "/data" };
  const instance = {
    project: "pro",
    devices: { data: disk },
    snapshots: [],
  } as unknown as Instance;
  const db = machine("db", { instance, volumes: [data] });
  const back = set(
    member("db", { volumes: [{ pool: "tank", volume: "db-data", snapshot: "one" }] }),
  );
  const sharedWith = (status: string) => {
    const machines = [db, machine("web", { instance, status })];
    return planRestore(back, inventory("btrfs", { machines }), machines, WHOLE).shared;
  };
  assert.deepEqual(sharedWith("Running"), [{ volume: "db-data", by: "web" }]);
  assert.deepEqual(sharedWith("Stopped"), []);
});

Deno.test("planRestore() knows the limits that come back with volumes on btrfs", () => {
  const place = { pool: "tank", project: "pro", volume: "db-data" };
  const live = machine("db", { volumes: [{ ...place, device: "data" }] });
  const volumes = [{ pool: "tank", volume: "db-data", snapshot: "one" }];
  const volumeSnapshots = [{ ...place, name: "one", created_at: T1, size: "50MiB" }];
  const limits = (driver: string) => {
    const known = inventory(driver, { volumeSnapshots });
    const { machines } = planRestore(set(member("db", { volumes })), known, [live], WHOLE);
    return [...machines[0]!.limits];
  };
  assert.deepEqual(limits("btrfs"), [["tank/pro/db-data", "50MiB"]]);
  assert.deepEqual(limits("zfs"), []);
});

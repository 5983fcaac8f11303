import assert from "node:assert/strict";
import type { Instance } from "../incus/wire/instance.ts";
import type { LiveMachine } from "./inventory.ts";
import type { SetNote } from "./set_note.ts";
import { buildSets, isWhole, type SetSources } from "./snapshot_set.ts";

const NOW = new Date("2026-11-25T10:00:00Z");
const ZERO = "0001-01-01T00:00:00Z";

function machine(name: string, volumes: string[] = []): LiveMachine {
  return {
    project: "pro",
    name,
    domain: "pro",
    status: "Running",
    instance: {} as Instance,
    protected: false,
    volumes: volumes.map((volume) => ({ pool: "default", project: "pro", volume })),
    rootPool: "default",
  };
}

function note(machines: SetNote["machines"], more: Partial<SetNote> = {}): SetNote {
  const at = "2026-11-25T09:00:00.000Z";
  return { state: "whole", kind: "manual", at, machines, projects: ["pro"], ...more };
}

function root(name: string, created_at: string, expires_at = ZERO) {
  return { name, created_at, expires_at, stateful: false };
}

function volume(volume: string, name: string, created_at: string) {
  return { pool: "default", project: "pro", volume, name, created_at };
}

function sources(parts: Partial<SetSources>): SetSources {
  return {
    machines: [],
    notes: new Map(),
    snapshots: new Map(),
    volumeSnapshots: [],
    now: NOW,
    ...parts,
  };
}

Deno.test("buildSets() joins what one note names, volumes included", () => {
  const [set] = buildSets(sources({
    machines: [machine("db", ["db-data"]), machine("web")],
    notes: new Map([["pro", new Map([["one", note({ db: ["default/db-data"], web: [] })]])]]),
    snapshots: new Map([
      ["pro/db", [root("one", "2026-11-25T09:00:00Z")]],
      ["pro/web", [root("one", "2026-11-25T09:00:01Z")]],
    ]),
    volumeSnapshots: [volume("db-data", "one", "2026-11-25T09:00:00Z")],
  }));
  assert.deepEqual(set?.faults, []);
  assert.deepEqual(set?.members.map(({ machine }) => machine), ["db", "web"]);
  assert.equal(set?.members.every(isWhole), true);
});

Deno.test("buildSets() marks a set whose taking was not finished, and names what is missing", () => {
  const [set] = buildSets(sources({
    machines: [machine("db", ["db-data"])],
    notes: new Map([
      ["pro", new Map([["one", note({ db: ["default/db-data"] }, { state: "taking" })]])],
    ]),
    snapshots: new Map([["pro/db", [root("one", "2026-11-25T09:00:00Z")]]]),
  }));
  assert.deepEqual(set?.faults, ["its taking was not finished", "volume db-data is missing"]);
});

Deno.test("buildSets() remembers a machine that was deleted since, and a project", () => {
  const [set] = buildSets(sources({
    machines: [machine("web")],
    notes: new Map([
      ["pro", new Map([["one", note({ db: [], web: [] }, { projects: ["gone", "pro"] })]])],
    ]),
    snapshots: new Map([["pro/web", [root("one", "2026-11-25T09:00:01Z")]]]),
  }));
  assert.deepEqual(set?.members.map(({ machine, gone }) => [machine, gone]), [
    ["db", true],
    ["web", false],
  ]);
  assert.deepEqual(set?.lostProjects, ["gone"]);
  assert.deepEqual(set?.faults, []);
});

Deno.test("buildSets() forgets a set that expired and that Incus has removed", () => {
  const expires = "2026-11-25T09:59:00.000Z";
  const notes = new Map([["pro", new Map([["one", note({ web: [] }, { expires })]])]]);
  assert.deepEqual(buildSets(sources({ machines: [machine("web")], notes })), []);
  const snapshots = new Map([["pro/web", [root("one", "2026-11-25T09:00:00Z")]]]);
  assert.equal(buildSets(sources({ machines: [machine("web")], notes, snapshots })).length, 1);
});

Deno.test("buildSets() pairs scheduled snapshots of a machine and its volumes by time", () => {
  const sets = buildSets(sources({
    machines: [machine("db", ["db-data"])],
    snapshots: new Map([[
      "pro/db",
      [root("snap0", "2026-11-25T02:00:00Z"), root("snap1", "2026-11-25T03:00:00Z")],
    ]]),
    // Incus numbers them by themselves: these are one ahead.
    volumeSnapshots: [
      volume("db-data", "snap1", "2026-11-25T02:00:20Z"),
      volume("db-data", "snap2", "2026-11-25T03:00:20Z"),
      volume("db-data", "alone", "2026-11-25T05:00:00Z"),
    ],
  }));
  assert.deepEqual(
    sets.map(({ name, members, faults }) => [name, members[0]?.volumes[0]?.snapshot, faults]),
    [
      ["snap0", "snap1", []],
      ["snap1", "snap2", []],
      ["alone", "alone", ["db's root disk is not in it"]],
    ],
  );
});

Deno.test("buildSets() takes one name at two times for two sets, and of two machines at one time for one", () => {
  const sets = buildSets(sources({
    machines: [machine("a"), machine("b"), machine("c")],
    snapshots: new Map([
      ["pro/a", [root("auto-20261125-0200", "2026-11-25T02:00:00Z", "2026-11-26T02:00:00Z")]],
      ["pro/b", [root("auto-20261125-0200", "2026-11-25T02:00:40Z")]],
      ["pro/c", [root("auto-20261125-0200", "2026-11-25T06:00:00Z")]],
    ]),
  }));
  assert.deepEqual(
    sets.map(({ origin, members, expires }) => [origin, members.length, expires]),
    [["schedule", 2, "2026-11-26T02:00:00Z"], ["schedule", 1, undefined]],
  );
});

import assert from "node:assert/strict";
import type { Instance } from "../incus/wire/instance.ts";
import type { LiveMachine } from "./live_machine.ts";
import { placeKey } from "./place.ts";
import type { SetNote } from "./set_note.ts";
import { isWhole, memberKey, type SetSources } from "./snapshot_set.ts";
import { buildSets, setOfNotes } from "./build_sets.ts";

const NOW = new Date("2026-11-25T10:00:00Z");
const ZERO = "0001-01-01T00:00:00Z";

function machine(
  name: string,
  volumes: string[] = [],
  { uuid, ...more }: Partial<LiveMachine> & { uuid?: string } = {},
): LiveMachine {
  return {
    project: "pro",
    name,
    domain: "pro",
    status: "Running",
    instance: {
      config: uuid === undefined ? {} : { "volatile.uuid": uuid },
    } as unknown as Instance,
    protected: false,
    volumes: volumes.map((volume) => ({
      device: "vol-data",
      pool: "default",
      project: "pro",
      volume,
    })),
    rootPool: "default",
    ...more,
  };
}

/** `machines`: name -> volume, or none. */
function note(machines: Record<string, string | undefined>, more: Partial<SetNote> = {}): SetNote {
  return {
    state: "whole",
    kind: "manual",
    at: "2026-11-25T09:00:00.000Z",
    machines: Object.entries(machines).map(([machine, volume]) => ({
      project: "pro",
      machine,
      volumes: volume === undefined ? {} : { "vol-data": `default/${volume}` },
    })),
    ...more,
  };
}

function root(name: string, created_at: string, expires_at = ZERO) {
  return { name, created_at, expires_at, stateful: false };
}

function volume(volume: string, name: string, created_at: string) {
  return { pool: "default", project: "pro", volume, name, created_at };
}

const MADE = { created_at: "2026-11-24T09:00:00Z" };

/** A volume that is attached or has snapshots exists, too. */
function sources(parts: Partial<SetSources>): SetSources {
  const { machines = [], volumeSnapshots = [] } = parts;
  const places = [...machines.flatMap(({ volumes }) => volumes), ...volumeSnapshots];
  return {
    machines: [],
    notes: new Map(),
    snapshots: new Map(),
    volumeSnapshots: [],
    volumes: new Map(places.map((place) => [placeKey(place), MADE])),
    now: NOW,
    ...parts,
  };
}

Deno.test("buildSets() joins what one note names, volumes included", () => {
  const [set] = buildSets(sources({
    machines: [machine("db", ["db-data"]), machine("web")],
    notes: new Map([["pro", new Map([["one", note({ db: "db-data", web: undefined })]])]]),
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
      ["pro", new Map([["one", note({ db: "db-data" }, { state: "taking" })]])],
    ]),
    snapshots: new Map([["pro/db", [root("one", "2026-11-25T09:00:00Z")]]]),
  }));
  assert.deepEqual(set?.faults, ["taking it was not finished", "volume db-data is missing"]);
});

Deno.test("buildSets() counts a volume that was deleted since, or made anew, for nothing: the rest is whole", () => {
  const parts = {
    machines: [machine("db", ["db-data"])],
    notes: new Map([["pro", new Map([["one", note({ db: "db-data" })]])]]),
    snapshots: new Map([["pro/db", [root("one", "2026-11-25T09:00:00Z")]]]),
  };
  const anew = new Map([["default/pro/db-data", { created_at: "2026-11-25T09:30:00Z" }]]);
  for (const volumes of [new Map(), anew]) {
    const [set] = buildSets(sources({ ...parts, volumes }));
    assert.deepEqual(set?.faults, []);
    assert.deepEqual(set?.members[0]?.volumes, [
      { pool: "default", volume: "db-data", gone: true },
    ]);
    assert.equal(set?.members.every(isWhole), true);
  }
  // A volume that existed then has lost only its snapshot.
  const [set] = buildSets(sources(parts));
  assert.deepEqual(set?.faults, ["volume db-data is missing"]);
});

Deno.test("buildSets() misses the snapshot of a volume that is younger than the set its machine joined", () => {
  const made = "2026-11-25T09:30:00Z";
  const joined = (at?: string) =>
    buildSets(sources({
      machines: [machine("db", ["db-data"])],
      notes: new Map([["pro", new Map([["one", joinedNote(at)]])]]),
      snapshots: new Map([["pro/db", [root("one", "2026-11-25T09:40:00Z")]]]),
      volumes: new Map([["default/pro/db-data", { created_at: made }]]),
    }))[0];
  const joinedNote = (at?: string): SetNote => {
    const { machines, ...rest } = note({ db: "db-data" });
    return { ...rest, machines: machines.map((each) => at === undefined ? each : { ...each, at }) };
  };
  assert.deepEqual(joined("2026-11-25T09:40:00Z")?.faults, ["volume db-data is missing"]);
  assert.deepEqual(joined()?.faults, []);
});

Deno.test("buildSets() remembers a machine that was deleted since", () => {
  const [set] = buildSets(sources({
    machines: [machine("web")],
    notes: new Map([
      ["pro", new Map([["one", note({ db: undefined, web: undefined })]])],
    ]),
    snapshots: new Map([["pro/web", [root("one", "2026-11-25T09:00:01Z")]]]),
  }));
  assert.deepEqual(set?.members.map(({ machine, gone }) => [machine, gone]), [
    ["db", true],
    ["web", false],
  ]);
  assert.deepEqual(set?.faults, []);
});

const DB = {
  project: "pro",
  machine: "db",
  uuid: "1e3b",
  volumes: { "vol-data": "default/db-data" },
};
const TAKEN = "2026-11-25T09:00:00Z";

Deno.test("buildSets() finds a machine that was renamed and moved since, and its volume in another pool", () => {
  const place = { pool: "second", project: "lab", volume: "sql-data" };
  const parts = {
    machines: [
      // Another one of the old name was made since.
      machine("db", ["db-data"], { uuid: "77aa" }),
      machine("sql", [], {
        uuid: "1e3b",
        project: "lab",
        volumes: [{ device: "vol-data", ...place }],
      }),
    ],
    notes: new Map([["pro", new Map([["one", note({}, { machines: [DB] })]])]]),
    volumeSnapshots: [{ ...place, name: "one", created_at: TAKEN }],
  };
  const [set] = buildSets(
    sources({ ...parts, snapshots: new Map([["lab/sql", [root("one", TAKEN)]]]) }),
  );
  assert.deepEqual(set?.faults, []);
  const member = {
    project: "lab",
    machine: "sql",
    before: { project: "pro", machine: "db" },
    uuid: "1e3b",
    gone: false,
    snapshot: "one",
    volumes: [{ pool: "second", volume: "sql-data", snapshot: "one" }],
  };
  assert.deepEqual(set?.members, [member]);
  assert.deepEqual(setOfNotes("one", parts)?.members, [member]);
});

Deno.test("buildSets() tells a renamed machine from one that took its name and joined the set, and their volumes too", () => {
  const renamed = machine("sql", ["sql-data"], { uuid: "1e3b" });
  const anew = machine("db", ["db-data"], { uuid: "77aa" });
  const joined = note({}, { machines: [DB, { ...DB, uuid: "77aa" }] });
  const parts = {
    machines: [anew, renamed],
    notes: new Map([["pro", new Map([["one", joined]])]]),
    volumeSnapshots: ["sql-data", "db-data"].map((name) => volume(name, "one", TAKEN)),
  };
  const expected = [["db", undefined, "db-data"], ["sql", "db", "sql-data"]];
  assert.deepEqual(
    setOfNotes("one", parts)?.members.map((
      { machine, before, volumes },
    ) => [machine, before?.machine, volumes[0]?.volume]).toSorted(),
    expected,
  );
  const roots = ["pro/db", "pro/sql"].map((place) => [place, [root("one", TAKEN)]] as const);
  const [set, another] = buildSets(sources({ ...parts, snapshots: new Map(roots) }));
  assert.equal(another, undefined);
  assert.deepEqual(set?.faults, []);
  assert.deepEqual(
    set?.members.map((
      { machine, before, volumes },
    ) => [machine, before?.machine, volumes[0]?.volume]),
    expected,
  );
  assert.deepEqual(set?.members.map(memberKey), ["77aa", "1e3b"]);
});

Deno.test("buildSets() keeps to the volume of then where somebody put another into its device", () => {
  const [set] = buildSets(sources({
    machines: [machine("db", ["other"], { uuid: "1e3b" })],
    notes: new Map([["pro", new Map([["one", note({}, { machines: [DB] })]])]]),
    snapshots: new Map([["pro/db", [root("one", TAKEN)]]]),
    volumeSnapshots: ["other", "db-data"].map((name) => volume(name, "one", TAKEN)),
  }));
  assert.deepEqual(set?.members[0]?.volumes.map(({ volume }) => volume), ["db-data"]);
});

Deno.test("setOfNotes() finds a volume that was taken out in another pool, and never one that another machine has now", () => {
  const taken = {
    pool: "second",
    project: "pro",
    volume: "db-data",
    name: "one",
    created_at: TAKEN,
  };
  const notes = new Map([["pro", new Map([["one", note({}, { machines: [DB] })]])]]);
  const volumes = (machines: LiveMachine[], volumeSnapshots = [taken]) =>
    setOfNotes("one", { machines, notes, volumeSnapshots })?.members[0]?.volumes;
  assert.deepEqual(volumes([machine("db", [], { uuid: "1e3b" })]), [
    { pool: "second", volume: "db-data", snapshot: "one" },
  ]);
  const renamed = machine("sql", [], { uuid: "1e3b" });
  const anew = machine("db", ["db-data"], { uuid: "77aa" });
  assert.deepEqual(volumes([renamed, anew], [volume("db-data", "one", TAKEN)]), [
    { pool: "default", volume: "db-data" },
  ]);
});

Deno.test("buildSets() takes a machine that was made anew for the one it replaces", () => {
  const [set] = buildSets(sources({
    machines: [machine("db", ["db-data"], { uuid: "77aa" })],
    notes: new Map([["pro", new Map([["one", note({}, { machines: [DB] })]])]]),
    snapshots: new Map([["pro/db", [root("one", TAKEN)]]]),
    volumeSnapshots: [volume("db-data", "one", TAKEN)],
  }));
  assert.deepEqual(set?.faults, []);
  assert.equal(set?.members[0]?.before, undefined);
});

Deno.test("buildSets() counts a machine as gone where another one without its snapshot stands in its place", () => {
  const parts = {
    machines: [machine("db", ["db-data"], { uuid: "77aa" })],
    notes: new Map([["pro", new Map([["one", note({}, { machines: [DB] })]])]]),
    // A volume outlives its machine.
    volumeSnapshots: [volume("db-data", "one", TAKEN)],
  };
  const [set] = buildSets(sources(parts));
  assert.deepEqual(set?.faults, []);
  const [member] = set?.members ?? [];
  assert.deepEqual([member?.gone, member?.anew, member?.snapshot], [true, true, undefined]);
  // The original machine; its snapshot was deleted by hand.
  const same = { ...parts, machines: [machine("db", ["db-data"], { uuid: "1e3b" })] };
  assert.deepEqual(buildSets(sources(same))[0]?.faults, ["db's root disk is missing"]);
});

Deno.test("buildSets() reads a set once whose home was handed over while the old one still stands", () => {
  const held = new Map([["one", note({ db: undefined })]]);
  const [set, another] = buildSets(sources({
    machines: [machine("db")],
    notes: new Map([["lab", held], ["pro", held]]),
    snapshots: new Map([["pro/db", [root("one", TAKEN)]]]),
  }));
  assert.equal(set?.members.length, 1);
  assert.equal(another, undefined);
});

Deno.test("buildSets() forgets a set that expired and that Incus has removed", () => {
  const expires = "2026-11-25T09:59:00.000Z";
  const notes = new Map([["pro", new Map([["one", note({ web: undefined }, { expires })]])]]);
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
    // Incus numbers each disk by itself: these are one ahead.
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

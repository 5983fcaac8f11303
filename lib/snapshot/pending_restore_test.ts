import assert from "node:assert/strict";
import type { LiveMachine } from "./inventory.ts";
import { unfinishedRestores } from "./pending_restore.ts";
import type { SetMember, SnapshotSet } from "./snapshot_set.ts";

function machine(project: string, name: string): LiveMachine {
  return { project, name, domain: project } as unknown as LiveMachine;
}

function member(project: string, machine: string, gone = false): SetMember {
  return { project, machine, gone, volumes: [] };
}

function set(name: string, ...members: SetMember[]): SnapshotSet {
  return { name, origin: "manual", at: "2026-11-25T09:00:00Z", members, faults: [] };
}

const MACHINES = [machine("own", "own-a"), machine("tp", "tp-1"), machine("tp", "tp-2")];
const ONE = set(
  "one",
  member("own", "own-a"),
  member("tp", "tp-1"),
  member("tp", "tp-2"),
  member("tp", "tp-3", true),
);

/** Words of the command that finishes a restore of these. */
function scope(...waiting: string[]): readonly string[] | undefined {
  const pending = { set: "one", ran: true } as const;
  const restores = new Map([...Map.groupBy(waiting, (name) => name.split("-")[0]!)].map((
    [project, names],
  ) => [project, Object.fromEntries(names.map((name) => [name, pending]))]));
  return unfinishedRestores({ restores, sets: [ONE], machines: MACHINES })[0]?.scope;
}

Deno.test("unfinishedRestores() names no machine that was not to go back", () => {
  assert.deepEqual(scope("own-a", "tp-1", "tp-2"), []);
  assert.deepEqual(scope("tp-1", "tp-2"), ["--domain tp"]);
  assert.deepEqual(scope("own-a", "tp-2"), ["--domain own", "--machine tp-2"]);
});

Deno.test("unfinishedRestores() says that a set is gone, and what still holds what there was before", () => {
  const note = { "own-a": { set: "short", ran: true, safety: "before" } };
  const of = (...sets: SnapshotSet[]) =>
    unfinishedRestores({ restores: new Map([["own", note]]), sets, machines: MACHINES })
      .map(({ gone, safety }) => ({ gone, safety }));
  assert.deepEqual(of(), [{ gone: true, safety: undefined }]);
  assert.deepEqual(of(set("before")), [{ gone: true, safety: "before" }]);
  assert.deepEqual(of(set("before"), set("short")), [{ gone: false, safety: "before" }]);
});

import assert from "node:assert/strict";
import { MARK } from "../resource/mark.ts";
import type { ActualResource } from "../resource/resource.ts";
import type { LiveMachine } from "./live_machine.ts";
import { pendingMachines, unfinishedRestores } from "./pending_restore.ts";
import { followRestores } from "./follow_restores.ts";
import { RESTORE_KEY } from "./set_note.ts";
import type { SetMember, SnapshotSet } from "./snapshot_set.ts";

function machine(project: string, name: string): LiveMachine {
  return { project, name, domain: project } as unknown as LiveMachine;
}

function member(project: string, machine: string, gone = false): SetMember {
  return { project, machine, gone, ...(gone ? {} : { snapshot: "one" }), volumes: [] };
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

/** Returns the options of the command that finishes a restore of these machines. */
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
  const standing = member("own", "own-a");
  const others = member("tp", "tp-1");
  assert.deepEqual(of(set("before"), set("short", standing)), [{ gone: false, safety: "before" }]);
  // A part that was deleted with `incus` does not come back by another restore.
  const { snapshot: _, ...deleted } = standing;
  assert.deepEqual(of(set("before"), set("short", deleted, others)), [
    { gone: true, safety: "before" },
  ]);
});

function known(project: string, name: string, uuid?: string) {
  return {
    project,
    name,
    instance: { config: uuid === undefined ? {} : { "volatile.uuid": uuid } },
  };
}

Deno.test("followRestores() finds a machine that was renamed and moved, and forgets one that is gone or was made anew", () => {
  const pending = (uuid?: string) => ({
    set: "one",
    ran: true,
    ...(uuid === undefined ? {} : { uuid }),
  });
  const written = new Map([["pro", {
    db: pending("1e3b"),
    gone: pending("77aa"),
    anew: pending("88bb"),
    fresh: pending(),
    reborn: pending("99cc"),
  }]]);
  const machines = [
    known("lab", "sql", "1e3b"),
    known("pro", "anew", "0000"),
    known("pro", "fresh", "1111"),
    // Restored to before its first start, and not converged yet.
    known("pro", "reborn"),
  ];
  const restores = followRestores(written, machines);
  assert.deepEqual(
    [...restores].map(([project, note]) => [project, Object.keys(note)]),
    [["lab", ["sql"]], ["pro", ["fresh", "reborn"]]],
  );
});

Deno.test("pendingMachines() names machines of this infra that still have to go back", () => {
  const owner = { project: "lab", infraId: "5c0f" };
  const MARKS = { [MARK.project]: owner.project, [MARK.format]: "1" };
  const resource = (kind: string, addr: object, infra: string, config: object) =>
    ({
      kind,
      addr: { kind, ...addr },
      config: { ...MARKS, [MARK.infra]: infra, ...config },
    }) as unknown as ActualResource;
  const pending = (...names: string[]) => ({
    [RESTORE_KEY]: JSON.stringify(
      Object.fromEntries(names.map((name) => [name, { set: "one", ran: true }])),
    ),
  });
  const waiting = (infra: string, ...names: string[]) => [
    ...pendingMachines([
      resource("project", { name: "pro" }, infra, pending(...names)),
      resource("instance", { project: "pro", name: "db" }, infra, {}),
      resource("instance", { project: "pro", name: "web" }, infra, {}),
    ], owner),
  ];
  assert.deepEqual(waiting("5c0f", "db"), [["one", ["db"]]]);
  assert.deepEqual(waiting("5c0f", "db", "web"), [["one", ["db", "web"]]]);
  assert.deepEqual(waiting("5c0f", "gone"), []);
  assert.deepEqual(waiting("5c0f"), []);
  assert.deepEqual(waiting("0000", "db"), []);
});

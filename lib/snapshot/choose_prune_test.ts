import assert from "node:assert/strict";
import fc from "fast-check";
import { expiryProblem } from "../infra/shape/quantity.ts";
import { choosePrune, type PruneWish } from "./choose_prune.ts";
import { addSpan, setNameProblem, timeName } from "./set_name.ts";
import type { SnapshotSet } from "./snapshot_set.ts";

const NOW = new Date("2026-11-25T10:00:00Z");

function set(name: string, days: number, more: Partial<SnapshotSet> = {}): SnapshotSet {
  const at = addSpan(NOW, `${days}d`, -1).toISOString();
  return { name, origin: "manual", at, members: [], faults: [], ...more };
}

function choose(sets: SnapshotSet[], wish: Partial<PruneWish>) {
  const oldestFirst = sets.toSorted((a, b) => a.at < b.at ? -1 : 1);
  const { goes, stays, spared } = choosePrune(oldestFirst, {
    now: NOW,
    needed: () => false,
    ...wish,
  });
  const names = (list: readonly SnapshotSet[]) => list.map(({ name }) => name);
  return { goes: names(goes), stays: names(stays), spared: spared.map((each) => each.set.name) };
}

Deno.test("choosePrune() keeps the newest, and what is not old enough", () => {
  const sets = [set("a", 40), set("b", 20), set("c", 1)];
  assert.deepEqual(choose(sets, { keep: 2 }).goes, ["a"]);
  assert.deepEqual(choose(sets, { olderThan: "7d" }).goes, ["a", "b"]);
  assert.deepEqual(choose(sets, { keep: 2, olderThan: "7d" }).goes, ["a"]);
  assert.deepEqual(choose(sets, { keep: 0 }).goes, ["a", "b", "c"]);
});

Deno.test("choosePrune() counts automatic sets apart from the user's", () => {
  const sets = [
    set("first", 9),
    set("before-1", 8, { origin: "safety" }),
    set("second", 7),
    set("before-2", 2, { origin: "safety" }),
    set("apply-1", 1, { origin: "apply" }),
  ];
  assert.deepEqual(choose(sets, { keep: 1 }), {
    goes: ["first", "before-1", "before-2"],
    stays: ["second", "apply-1"],
    spared: [],
  });
  assert.deepEqual(choose(sets, { keep: 2 }).goes, ["before-1"]);
  assert.deepEqual(choose(sets, { keep: 1, olderThan: "8d" }).goes, ["first"]);
});

Deno.test("choosePrune() names baseline, incomplete and needed sets, and counts none of them", () => {
  const sets = [
    set("baseline", 50, { origin: "baseline" }),
    set("half", 2, { faults: ["taking it was not finished"] }),
    set("wanted", 30),
    set("a", 20),
    set("b", 10),
  ];
  const chosen = choose(sets, { keep: 1, needed: (name) => name === "wanted" });
  assert.deepEqual(chosen, {
    goes: ["a"],
    stays: ["b"],
    spared: ["baseline", "wanted", "half"],
  });
});

Deno.test("choosePrune() carries on with what an earlier one had begun, however new it is", () => {
  const sets = [
    set("half", 2, { faults: ["deleting it was not finished", "db's root disk is missing"] }),
    set("whole", 1),
  ];
  assert.deepEqual(choose(sets, { keep: 5 }), { goes: ["half"], stays: ["whole"], spared: [] });
  const needed = (name: string) => name === "half";
  assert.deepEqual(choose(sets, { keep: 5, needed }).spared, ["half"]);
});

Deno.test("choosePrune() leaves what schedules and hands made alone", () => {
  const sets = [set("auto-x", 400, { origin: "schedule" }), set("mine", 400, { origin: "other" })];
  assert.deepEqual(choose(sets, { keep: 0 }), { goes: [], stays: [], spared: [] });
});

Deno.test("choosePrune() never lets the newest `keep` whole sets go, whatever there is", () => {
  const arbitrary = fc.array(
    fc.record({ days: fc.nat(500), half: fc.boolean() }),
    { maxLength: 20 },
  );
  fc.assert(fc.property(arbitrary, fc.nat(6), (list, keep) => {
    const sets = list.map(({ days, half }, index) =>
      set(`s${index}`, days, half ? { faults: ["x"] } : {})
    );
    const { goes, stays, spared } = choose(sets, { keep });
    assert.equal(goes.length + stays.length + spared.length, sets.length);
    const whole = list.filter(({ half }) => !half).length;
    assert.equal(goes.length, Math.max(0, whole - keep));
  }));
});

Deno.test("setNameProblem() refuses what Incus, a shell or a file system would trip over", () => {
  for (const name of ["a", "before-upgrade", "v1.2_rc3", "0"]) {
    assert.equal(setNameProblem(name), undefined, name);
  }
  for (const name of ["", "-x", ".", "..", "a b", "a/b", "é", "a%d", "a\n", "x".repeat(64)]) {
    assert.notEqual(setNameProblem(name), undefined, JSON.stringify(name));
  }
});

Deno.test("timeName() gives names that can be sets' and sort by time", () => {
  const early = timeName(new Date(2026, 0, 2, 3, 4, 5));
  assert.equal(early, "20260102-030405");
  assert.equal(setNameProblem(timeName(NOW, "before-")), undefined);
  assert.ok(early < timeName(new Date(2026, 10, 2)));
});

Deno.test("addSpan() knows each of Incus's units", () => {
  const from = new Date("2026-01-31T00:00:00Z");
  assert.equal(addSpan(from, "1d 2H").toISOString(), "2026-02-01T02:00:00.000Z");
  assert.equal(addSpan(from, "2w", -1).toISOString(), "2026-01-17T00:00:00.000Z");
  assert.equal(addSpan(from, "1y").toISOString(), "2027-01-31T00:00:00.000Z");
  assert.equal(addSpan(from, "90S 1M").toISOString(), "2026-01-31T00:02:30.000Z");
});

Deno.test("expiryProblem() refuses a span whose end Incus could not write", () => {
  for (const span of ["999999y", "8000y", "999999m", "6000y 99999m"]) {
    assert.match(expiryProblem(span)?.summary ?? "", /longer than 7000 years/, span);
  }
  for (const span of ["7000y", "999999d", "1w 2d"]) {
    assert.equal(expiryProblem(span), undefined, span);
    assert.match(addSpan(NOW, span).toISOString(), /^\d{4}-/, span);
    assert.deepEqual(
      choose([set("a", 40)], { olderThan: span }).goes,
      span === "1w 2d" ? ["a"] : [],
    );
  }
});

import assert from "node:assert/strict";
import pc from "picocolors";
import type { SnapshotSet } from "../snapshot/snapshot_set.ts";
import { shortList, snapshotsJson, snapshotsText, span } from "./snapshot.ts";

const STYLE = { colors: pc.createColors(false), width: 80 };
const NOW = new Date("2026-11-25T10:00:00Z");

function set(name: string, more: Partial<SnapshotSet> = {}): SnapshotSet {
  const volumes = [{ pool: "default", volume: "db-data", snapshot: name }];
  const member = { project: "pro", machine: "db", gone: false, snapshot: name, volumes };
  return {
    name,
    origin: "manual",
    at: "2026-11-25T08:00:00Z",
    members: [member],
    faults: [],
    ...more,
  };
}

Deno.test("snapshotsText() keeps within 80 columns, names whole", () => {
  const text = snapshotsText(
    {
      now: NOW,
      sets: [
        set("before-20261125-102607", {
          origin: "safety",
          description: "before something with a long name",
          expires: "2026-12-02T08:00:00Z",
        }),
        set("x", { description: "a description that does not fit at all into what is left of it" }),
      ],
      restoring: [],
      frozen: [],
    },
    STYLE,
  );
  for (const line of text.split("\n")) assert.ok(line.length <= 80, line);
  assert.match(text, /before-20261125-102607 .* 2 h .* in 7 d .* db .* 1 .* restore/);
});

Deno.test("snapshotsText() has no column in which nothing stands", () => {
  const members = set("x").members.map((member) => ({ ...member, volumes: [] }));
  const bare = { now: NOW, sets: [set("x", { members })], restoring: [], frozen: [] };
  assert.match(snapshotsText(bare, STYLE), /EXPIRES +MACHINES +BY$/m);
  const mixed = { ...bare, sets: [...bare.sets, set("y")] };
  assert.match(snapshotsText(mixed, STYLE), /EXPIRES +MACHINES +VOL +BY$/m);
});

Deno.test("snapshotsText() marks incomplete sets, unfinished restores and frozen machines", () => {
  const text = snapshotsText(
    {
      now: NOW,
      sets: [set("half", { faults: ["taking it was not finished", "volume a is missing"] })],
      restoring: [
        { set: "half", machines: ["db"], scope: ["--machine db"], gone: false },
        { set: "ended", machines: ["web"], scope: [], gone: true, safety: "before" },
        { set: "lost", machines: ["web"], scope: [], gone: true },
      ],
      frozen: ["web"],
    },
    STYLE,
  );
  assert.match(text, /^half: incomplete: taking it was not finished, volume a is missing$/m);
  const words = text.replace(/\s+/g, " ");
  assert.match(
    words,
    /Unfinished: a restore of half was interrupted: db; `anklume snapshot restore half --machine db` finishes it/,
  );
  assert.match(
    words,
    /interrupted: web; ended was deleted since; `anklume snapshot restore before` restores/,
  );
  assert.match(
    words,
    /interrupted: web; lost was deleted since, so a restore of another set ends it/,
  );
  assert.match(text, /^Frozen: web, /m);
});

Deno.test("snapshotsText() lets no escape sequence of a name or description through", () => {
  const evil = "\u001b[31mred\u202e";
  const text = snapshotsText(
    {
      now: NOW,
      sets: [set(evil, { description: evil, faults: [evil] })],
      restoring: [],
      frozen: [],
    },
    STYLE,
  );
  assert.ok(!text.includes("\u001b") && !text.includes("\u202e"), text);
});

Deno.test("snapshotsJson() says whether a set is complete", () => {
  const half = { set: "a", machines: ["db", "web"], scope: [], gone: false };
  const json = JSON.parse(
    snapshotsJson({
      now: NOW,
      sets: [set("a"), set("b", { faults: ["x"] })],
      restoring: [half],
      frozen: [],
    }),
  );
  assert.deepEqual(json.restoring, [{ machine: "db", set: "a" }, { machine: "web", set: "a" }]);
  assert.equal(json.format, 1);
  assert.deepEqual(json.sets.map((each: { complete: boolean }) => each.complete), [true, false]);
});

Deno.test("span() and shortList() read as a person would say them", () => {
  assert.deepEqual([0, 99e3, 100e3, 7200e3, 86400e3 * 40].map(span), [
    "0 s",
    "99 s",
    "2 min",
    "2 h",
    "40 d",
  ]);
  assert.equal(shortList(["a", "b"]), "a, b");
  assert.equal(shortList(["a", "b", "c", "d", "e", "f"]), "a, b, c, d and 2 more");
});

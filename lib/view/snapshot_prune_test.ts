import assert from "node:assert/strict";
import pc from "picocolors";
import type { SnapshotSet } from "../snapshot/snapshot_set.ts";
import { pruneView } from "./snapshot_prune.ts";

const plain = { colors: pc.createColors(false), width: 80 };

// Only the fields that are read.
function set(name: string): SnapshotSet {
  return { name, at: "2026-11-01T10:00:00Z", members: [] } as unknown as SnapshotSet;
}

Deno.test("pruneView names what goes, what an earlier prune began, and what is spared", () => {
  const [old, begun, base] = [set("old"), set("begun"), set("base")];
  const prune = {
    goes: [old, begun],
    stays: [],
    spared: [{ set: base, because: "`anklume reset` uses it" }],
    begun: new Set([begun]),
  };
  const [first, second, third] = pruneView.text(prune, plain).split(/\n(?! )/);
  assert.match(first ?? "", /^Delete: old, taken \d{4}-\d\d-\d\d/);
  assert.doesNotMatch(first ?? "", /interrupted/);
  assert.match(second ?? "", /^Delete: begun, .*an earlier prune was\s+interrupted/s);
  assert.equal(third, "Keep:   base: `anklume reset` uses it");
  assert.deepEqual(pruneView.line(prune), {
    type: "prune",
    goes: ["old", "begun"],
    spared: [{ set: "base", because: "`anklume reset` uses it" }],
  });
});

Deno.test("pruneView says that there is nothing to prune", () => {
  const prune = {
    goes: [],
    stays: [set("a"), set("b")],
    spared: [],
    begun: new Set<SnapshotSet>(),
  };
  assert.equal(pruneView.text(prune, plain), "Nothing to prune: 2 of anklume's sets are kept.\n");
});

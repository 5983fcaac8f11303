import assert from "node:assert/strict";
import fc from "fast-check";
import { parseResults } from "./playbook_results.ts";

const host = (name: string, failed = 0, unreachable = 0) =>
  JSON.stringify({
    type: "host",
    host: name,
    ok: 3,
    changed: 1,
    failed,
    unreachable,
    seconds: 0.5,
  });

Deno.test("parseResults() gives each machine's counts and the failures of those that failed", () => {
  const results = parseResults([
    JSON.stringify({ type: "failed", host: "a", task: "T", message: "no" }),
    JSON.stringify({ type: "failed", host: "b", task: "rescued", message: "no" }),
    host("a", 1),
    host("b"),
    JSON.stringify({ type: "end", stopped: false }),
    "",
  ].join("\n"));
  assert.equal(results.complete, true);
  assert.deepEqual(results.failures, [{ host: "a", kind: "failed", task: "T", message: "no" }]);
  assert.deepEqual(results.hosts.get("b"), {
    host: "b",
    ok: 3,
    changed: 1,
    failed: 0,
    unreachable: 0,
    skipped: 0,
    seconds: 0.5,
  });
});

Deno.test("parseResults() names units of a machine that is degraded", () => {
  const line = JSON.stringify({ type: "degraded", host: "a", units: ["x.service"] });
  assert.deepEqual(parseResults(line).degraded, [{ host: "a", units: ["x.service"] }]);
});

Deno.test("parseResults() calls a run complete only when it came to its end with no play dropped", () => {
  assert.equal(parseResults(host("a")).complete, false);
  assert.equal(parseResults(host("a") + '\n{"type":"end","stopped":true}').complete, false);
  assert.equal(parseResults('{"type":"end"').complete, false);
});

Deno.test("parseResults() never throws", () => {
  fc.assert(fc.property(fc.array(fc.oneof(fc.string(), fc.json())), (lines) => {
    parseResults(lines.join("\n"));
  }));
});

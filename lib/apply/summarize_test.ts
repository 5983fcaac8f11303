import assert from "node:assert/strict";
import type { ApplyEvent } from "./event.ts";
import { INTERRUPTED } from "./schedule.ts";
import { succeeded, summarize } from "./summarize.ts";

const addr = { kind: "instance", name: "pro-dev", project: "pro" } as const;
const done: ApplyEvent = { type: "done", at: 2, addr, action: "create", ms: 1 };
const failed: ApplyEvent = {
  type: "failed",
  at: 3,
  addr,
  action: "update",
  ms: 0,
  message: "died",
};

Deno.test("summarize() believes the last word: a machine that was started and died has failed", () => {
  const report = summarize([{ type: "started", at: 1, addr, action: "create" }, done, failed]);
  assert.deepEqual(report.done, []);
  assert.deepEqual(report.failed, [{ addr, action: "update", message: "died" }]);
  assert.equal(succeeded(report), false);
});

Deno.test("summarize() of nothing is a success", () => {
  assert.equal(succeeded(summarize([])), true);
  assert.equal(succeeded(summarize([done])), true);
});

Deno.test("summarize() tells an interruption from other skips", () => {
  const skip = (because: string): ApplyEvent => ({
    type: "skipped",
    at: 1,
    addr,
    action: "create",
    because,
  });
  assert.equal(summarize([skip(INTERRUPTED)]).interrupted, true);
  assert.equal(summarize([skip("project pro")]).interrupted, false);
  assert.equal(succeeded(summarize([skip("project pro")])), false);
});

import assert from "node:assert/strict";
import type { ApplyEvent } from "../apply/event.ts";
import type { Change } from "../plan/plan.ts";
import { advance, groupTitle, initialProgress, isFinished } from "./progress.ts";

const machine = { kind: "instance", name: "pro-dev", project: "pro" } as const;
const network = { kind: "network", name: "net-pro" } as const;
const changes: Change[] = [network, machine].map((addr) => ({
  addr,
  action: "create",
  domain: "pro",
  fields: [],
  effect: "in-place",
  reason: "",
  dependsOn: [],
  needsForce: false,
}));

Deno.test("advance() counts what is done and shows what is under way", () => {
  const events: ApplyEvent[] = [
    { type: "started", at: 1, addr: network, action: "create" },
    { type: "done", at: 2, addr: network, action: "create", ms: 1 },
    { type: "started", at: 2, addr: machine, action: "create" },
    { type: "progress", at: 3, addr: machine, text: "downloading image 40%" },
  ];
  let state = initialProgress(changes);
  for (const event of events) state = advance(state, "pro", event);
  const group = state.groups.get("pro");
  assert.ok(group);
  assert.equal(groupTitle("pro", group), "pro  1/2");
  assert.deepEqual([...group.busy.values()], ["instance pro/pro-dev: downloading image 40%"]);
  assert.equal(isFinished(group), false);
});

Deno.test("isFinished() counts failed and skipped changes as finished", () => {
  let state = initialProgress(changes);
  state = advance(state, "pro", {
    type: "failed",
    at: 1,
    addr: network,
    action: "create",
    ms: 1,
    message: "no",
  });
  state = advance(state, "pro", {
    type: "skipped",
    at: 1,
    addr: machine,
    action: "create",
    because: "network net-pro",
  });
  const group = state.groups.get("pro");
  assert.ok(group);
  assert.equal(isFinished(group), true);
  assert.equal(groupTitle("pro", group), "pro  0/2, 1 failed, 1 skipped");
});

Deno.test("advance() ignores events about what the plan did not hold", () => {
  const state = initialProgress(changes);
  assert.equal(
    advance(state, "lab", { type: "started", at: 1, addr: machine, action: "update" }),
    state,
  );
});

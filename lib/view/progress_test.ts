import assert from "node:assert/strict";
import pc from "picocolors";
import type { ApplyEvent } from "../apply/event.ts";
import type { Change } from "../plan/plan.ts";
import { advance, initialProgress, progressFooter, progressLines, screenRows } from "./progress.ts";

const plain = { colors: pc.createColors(false), width: 60 };
const machine = { kind: "instance", name: "pro-dev", project: "pro" } as const;
const network = { kind: "network", name: "net-pro" } as const;

function changes(...domains: string[]): Change[] {
  return domains.flatMap((domain) =>
    [network, machine].map((addr): Change => ({
      addr,
      action: "create",
      domain,
      fields: [],
      effect: "in-place",
      reason: "",
      dependsOn: [],
      needsForce: false,
    }))
  );
}

function after(domain: string, domains: string[], events: ApplyEvent[]) {
  let state = initialProgress(changes(...domains));
  for (const event of events) state = advance(state, domain, event);
  return state;
}

const begun: ApplyEvent[] = [
  { type: "started", at: 1, addr: network, action: "create" },
  { type: "done", at: 2, addr: network, action: "create", ms: 1 },
  { type: "started", at: 2, addr: machine, action: "create" },
];

Deno.test("progressLines() counts what is done and shows what is under way, the busy first", () => {
  const state = after("pro", ["lab", "pro"], begun);
  assert.deepEqual(progressLines(state, plain, 10, 0), [
    "| pro  1/2  creating instance pro/pro-dev",
    ". lab  0/2",
  ]);
  const progress = { type: "progress", at: 3, addr: machine, text: "downloading 40%" } as const;
  assert.deepEqual(progressLines(advance(state, "pro", progress), plain, 10, 1), [
    "/ pro  1/2  instance pro/pro-dev: downloading 40%",
    ". lab  0/2",
  ]);
});

Deno.test("progressLines() tells success from failure, and counts what was skipped", () => {
  const failed = after("pro", ["pro"], [
    { type: "failed", at: 1, addr: network, action: "create", ms: 1, message: "no" },
    { type: "skipped", at: 1, addr: machine, action: "create", because: "network net-pro" },
  ]);
  assert.deepEqual(progressLines(failed, plain, 10, 0), ["x pro  0/2, 1 failed, 1 skipped"]);
  const done = after("pro", ["pro"], [
    ...begun,
    { type: "done", at: 3, addr: machine, action: "create", ms: 1 },
  ]);
  assert.deepEqual(progressLines(done, plain, 10, 0), ["+ pro  2/2"]);
});

Deno.test("progressLines() fits the screen, whatever the number of domains and the length of names", () => {
  const domains = Array.from({ length: 30 }, (_, index) => `domain-${index}`.repeat(12));
  const state = after(domains[7] ?? "", domains, begun);
  const lines = progressLines(state, plain, 5, 0);
  assert.equal(lines.length, 5);
  for (const line of lines) assert.ok(line.length <= 60, line);
  assert.match(lines[0] ?? "", /^\| domain-7/);
  assert.equal(lines[4], "  and 26 domains more");
});

Deno.test("advance() ignores events about what the plan did not hold", () => {
  const state = initialProgress(changes("pro"));
  const event = { type: "started", at: 1, addr: machine, action: "update" } as const;
  assert.equal(advance(state, "lab", event), state);
});

Deno.test("progressFooter() tells what ended, runs and waits, and for how long", () => {
  const state = after("pro", ["lab", "pro"], begun);
  assert.equal(
    progressFooter(state, plain, 61_000),
    "  1/4 ended, 1 under way, 2 waiting, 1 min 01 s",
  );
});

Deno.test("screenRows() knows that a screen which became narrower wraps what was drawn", () => {
  const { red } = pc.createColors(true);
  assert.equal(screenRows([red("x".repeat(60)), "", "y"], 80), 3);
  assert.equal(screenRows([red("x".repeat(60)), "", "y"], 25), 5);
  assert.equal(screenRows([], 80), 0);
});

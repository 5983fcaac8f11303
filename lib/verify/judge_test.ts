import assert from "node:assert/strict";
import { judge } from "./judge.ts";
import type { Probe } from "./probe.ts";

const a = { kind: "machine", machine: "a", domain: "left" } as const;
const b = { kind: "machine", machine: "b", domain: "right" } as const;
const probe = (change: Partial<Probe>): Probe => ({
  n: 1,
  from: a,
  to: b,
  protocol: "tcp",
  port: 22,
  family: 4,
  address: "10.0.1.1",
  source: "10.0.0.1",
  expected: "closed",
  ...change,
});

function differenceOf(change: Partial<Probe>, ofA: string[], ofB: string[], host: string[] = []) {
  const reports = new Map(
    [["a", ofA], ["b", ofB], ["host", host]].map(([name, lines]) =>
      [name as string, { lines: [...lines as string[], "end"] }] as const
    ),
  );
  const [result] = judge([probe(change)], reports);
  return result?.unknown ? "unknown" : result?.difference;
}

const SYN = "seen in eth0 tcp 10.0.0.1 20001 10.0.1.1 22 -";

Deno.test("judge(): a SYN that arrives is a leak, whether it is answered or not", () => {
  assert.equal(differenceOf({}, ["answer 1 timeout 20001"], [SYN]), "leak");
  assert.equal(differenceOf({}, ["answer 1 timeout 20001"], []), undefined);
});

Deno.test("judge(): a refusal by somebody on the way is no leak", () => {
  assert.equal(differenceOf({}, ["answer 1 refused 20001"], []), undefined);
  assert.equal(differenceOf({}, ["answer 1 refused 20001"], ["blind"]), "leak");
});

Deno.test("judge(): an acceptance is the target's own, also where its capture missed the packet", () => {
  assert.equal(differenceOf({}, ["answer 1 open 20001"], []), "leak");
  assert.equal(differenceOf({ expected: "open" }, ["answer 1 echo 20001"], []), undefined);
});

Deno.test("judge(): an open flow has to arrive, from its sender, and be answered", () => {
  const open = { expected: "open" } as const;
  assert.equal(differenceOf(open, ["answer 1 open 20001"], [SYN]), undefined);
  assert.equal(differenceOf(open, ["answer 1 timeout 20001"], []), "blocked");
  assert.equal(differenceOf(open, ["answer 1 timeout 20001"], [SYN]), "unanswered");
  assert.equal(
    differenceOf(open, ["answer 1 open 20001"], [SYN.replace("10.0.0.1", "10.0.1.254")]),
    "wrong-source",
  );
});

Deno.test("judge(): the host answers, or its own socket sees it; its capture is before the rules", () => {
  const host = { to: { kind: "host" }, address: "10.0.0.254", protocol: "udp", port: 9 } as const;
  assert.equal(
    differenceOf(host, ["answer 1 timeout 20001"], [], [
      "seen in net-a udp 10.0.0.1 2 10.0.0.254 9 1",
    ]),
    undefined,
  );
  assert.equal(
    differenceOf(host, ["answer 1 timeout 20001"], [], ["seen in - udp 10.0.0.1 20001 - 0 1"]),
    "leak",
  );
  assert.equal(differenceOf(host, ["answer 1 refused 20001"], []), "leak");
});

Deno.test("judge(): for the outside it counts to have left by its interface", () => {
  const outside = {
    expected: "open",
    address: "203.0.113.10",
    to: {
      kind: "outside",
      address: "203.0.113.10",
      private: false,
      interface: "eth0",
      isOutside: true,
    },
  } as const;
  const left = "seen out eth0 tcp 198.51.100.2 20001 203.0.113.10 22 -";
  assert.equal(differenceOf(outside, ["answer 1 timeout 20001"], [], [left]), undefined);
  assert.equal(differenceOf(outside, ["answer 1 timeout 20001"], [], []), "blocked");
  assert.equal(differenceOf(outside, ["answer 1 timeout 20001"], [], ["blind"]), "unknown");
  // It may leave from another port: then its sequence number identifies it.
  const came = "seen in akx tcp 10.0.0.1 20001 203.0.113.10 22 s0a1b2c3d";
  const translated = "seen out eth0 tcp 198.51.100.2 61166 203.0.113.10 22 s0a1b2c3d";
  const answer = ["answer 1 unreachable 20001"];
  assert.equal(differenceOf(outside, answer, [], [came, translated]), undefined);
  assert.equal(differenceOf(outside, answer, [], [translated]), "blocked");
});

Deno.test("judge(): only the sender of a probe reports its answer, and the first answer counts", () => {
  const open = { expected: "open" } as const;
  const others = ["answer 1 open 20001", SYN];
  // b reports the result of a's probe, a reports what arrived at b.
  assert.equal(
    differenceOf({}, ["answer 1 timeout 20001", SYN], ["answer 1 open 20001"]),
    undefined,
  );
  assert.equal(differenceOf(open, [], others), "blocked");
  assert.equal(differenceOf({}, ["answer 1 open 20001", "answer 1 timeout 20001"], []), "leak");
});

Deno.test("judge(): a packet of a third machine does not count as another machine's probe", () => {
  const c = { kind: "machine", machine: "c", domain: "third" } as const;
  const ofC = probe({ n: 2, from: c, source: "10.0.2.1", expected: "open" });
  const judged = (lines: Record<string, string[]>, ofA: Partial<Probe> = {}) =>
    judge(
      [probe(ofA), ofC],
      new Map(
        ["a", "b", "c", "host"].map((name) => [name, { lines: [...lines[name] ?? [], "end"] }]),
      ),
    ).map(({ difference }) => difference);
  const own = 33_001;
  // c used the port that a's probe would have, and reports it.
  const byC = `seen in eth0 tcp 10.0.2.1 ${own} 10.0.1.1 22 s00000001`;
  const b = [byC];
  assert.deepEqual(
    judged({ a: [`answer 1 timeout ${own}`], b, c: [`answer 2 open ${own}`] }),
    [undefined, undefined],
  );
  assert.deepEqual(judged({ a: [`answer 1 timeout ${own}`], b, c: [] }), [undefined, "blocked"]);
  // c claims the port of a's probe, whose source is unknown: it still counts as a's.
  const anonymous = { source: "10.0.1.254" };
  const seen = [`seen in eth0 tcp 10.0.1.254 ${own} 10.0.1.1 22 s00000001`];
  assert.deepEqual(
    judged({ a: [`answer 1 timeout ${own}`], b: seen, c: [`answer 2 open ${own}`] }, anonymous),
    ["leak", undefined],
  );
});

import assert from "node:assert/strict";
import pc from "picocolors";
import type { Difference, Result } from "../verify/judge.ts";
import type { Probe } from "../verify/probe.ts";
import { type Verification, verificationText } from "./verify.ts";

const style = { colors: pc.createColors(false), width: 80 };
const A = { kind: "machine", machine: "pro-dev", domain: "pro" } as const;
const B = { kind: "machine", machine: "lab-box", domain: "lab" } as const;

function result(difference: Difference | undefined, change: Partial<Probe>): Result {
  const open = difference !== undefined && difference !== "leak";
  return {
    probe: {
      n: 1,
      from: A,
      to: B,
      family: 4,
      address: "10.120.1.1",
      protocol: "tcp",
      port: 22,
      expected: open ? "open" : "closed",
      ...change,
    },
    outcome: {
      arrived: difference !== "blocked",
      answered: false,
      accepted: false,
      unsent: false,
      ...(difference === "wrong-source" ? { seenFrom: "10.120.1.254" } : {}),
    },
    unknown: false,
    ...(difference === undefined ? {} : { difference }),
  };
}

function verification(
  results: readonly Result[],
  change: Partial<Verification> = {},
): Verification {
  const matrix = { from: ["pro", "host"], to: ["pro", "host", "outside"], cells: [] };
  return {
    project: "home",
    firewall: "in-place",
    matrix,
    folded: matrix,
    results,
    breaches: [],
    faults: [],
    notRunning: [],
    host: true,
    machines: 2,
    reasons: new Map(),
    policiesProbed: 0,
    notProbed: [],
    ms: 2_100,
    ...change,
  };
}

/** Returns the text below the matrix. */
function said(seen: Verification): string {
  return verificationText(seen, style).split("\n\n").slice(1).join("\n\n").trim();
}

Deno.test("verificationText() tells differences by kind and pair, and a rule once", () => {
  const leaks = [
    result("leak", {}),
    result("leak", { protocol: "udp", port: 53 }),
    result("leak", { to: { kind: "host" }, address: "192.0.2.1" }),
  ];
  const line = {
    explanation: {
      passes: true,
      step: { family: "inet", chain: "forward", rule: "accept", verdict: "accept" },
      reason: "a rule that anklume did not make lets it through",
      change: [],
      disagrees: true,
    },
  };
  const text = said(verification(
    [
      ...leaks,
      result("wrong-source", { port: 80 }),
      result("blocked", { protocol: "icmp", port: 0 }),
      result(undefined, { port: 81 }),
    ],
    { reasons: new Map(leaks.map((each) => [each, line as never])) },
  ));
  assert.equal(
    text,
    `LEAK  it gets through, but nothing in infra.yml opens it
  pro-dev -> lab-box (10.120.1.1)  tcp/22 udp/53
    rule  inet, chain forward: accept
    why   a rule that anklume did not make lets it through
  pro-dev -> host (192.0.2.1)  tcp/22
  ask: anklume network why pro-dev lab-box 22/tcp

BLOCKED  it does not get through, but infra.yml opens it
  pro-dev -> lab-box (10.120.1.1)  icmp
  ask: anklume network why pro-dev lab-box icmp

WRONG SOURCE  the target does not see the sender's address
  pro-dev -> lab-box (10.120.1.1)  tcp/80 from 10.120.1.254
  ask: anklume network why pro-dev lab-box 80/tcp

3 leaks, 2 other differences: 6 probes between 2 machines and the host in 2.1 s.`,
  );
});

Deno.test("verificationText() keeps within the screen, whatever there is to tell", () => {
  const many = Array.from(
    { length: 40 },
    (_, i) => result("leak", { address: `10.120.1.${i}`, port: 60_000 + i }),
  );
  const text = verificationText(
    verification(many, {
      firewall: "different",
      firewallDetail: "a chain of the table was changed by somebody who said a lot about it",
      breaches: ["instance pro/pro-dev: devices.eth9, and more words than fit beside it"],
      notRunning: Array.from({ length: 30 }, (_, i) => `lab-machine-${i}`),
      machines: 1_234,
      ms: 61_000,
    }),
    style,
  );
  for (const line of text.split("\n")) assert.ok(line.length <= 80, line);
  assert.match(text, /… and 20 more pairs; --json lists all/);
});

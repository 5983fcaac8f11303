import assert from "node:assert/strict";
import type { Infra } from "../infra/infra.ts";
import type { TraceStep } from "../nftables/parse_trace.ts";
import { explain } from "./explain.ts";
import type { TracedFlow } from "./explanation.ts";
import type { ProbePlace } from "./probe.ts";

// Only the fields that are read.
const infra = {
  domains: [
    {
      name: "pro",
      internet: { kind: "public-only" },
      ranges: new Map(),
      machines: [{ name: "pro-dev", publish: [{ host: 80, to: 8080, protocol: "tcp" }] }],
    },
    {
      name: "lab",
      internet: { kind: "via", interfaces: ["wg0"] },
      ranges: new Map(),
      machines: [],
    },
  ],
} as unknown as Infra;

function machine(name: string, domain: string, more: object = {}): ProbePlace {
  return { kind: "machine", machine: name, domain, ...more };
}

const dev = machine("pro-dev", "pro");
const lab = machine("lab-a", "lab");
const outside: ProbePlace = {
  kind: "outside",
  address: "203.0.113.10",
  private: false,
  interface: "eth0",
  isOutside: true,
};

const drop: TraceStep = {
  family: "inet",
  table: "anklume_x",
  chain: "judge",
  rule: "counter drop",
  verdict: "drop",
};

function dropped(step: Partial<TraceStep> = {}): TracedFlow["trace"] {
  return { steps: [{ ...drop, ...step }], back: [], answered: false, legacy: [] };
}

function flow(over: Partial<TracedFlow>): TracedFlow {
  return {
    from: lab,
    to: dev,
    service: { protocol: "tcp", port: 8080 },
    source: "10.1.1.1",
    target: "10.2.2.2",
    names: { from: "lab-a", to: "pro-dev" },
    table: "anklume_x",
    trace: dropped(),
    arrival: "port",
    expected: { open: false, because: "isolation" },
    ...over,
  };
}

const arrived = { steps: [], back: [], answered: false, legacy: [], arrivedAt: "port" };

Deno.test("explain() gives a flow that anklume's rules stop its most telling reason", () => {
  const nobody = machine("10.2.2.9", "pro", { nobody: true });
  const gone = machine("old", "pro", { orphan: true });
  const open = { open: true, because: "policy" } as const;
  const cases: readonly (readonly [RegExp, Partial<TracedFlow>])[] = [
    [/comes out at else instead/, { trace: { ...arrived, arrivedAt: "else" } }],
    [/not a port of a domain/, { expected: { open: false, because: "not-ours" } }],
    [/infra\.yml opens it, but the live rules do not/, { expected: open }],
    [/opens it; it arrives, but no answer/, { expected: open, trace: arrived }],
    [/old is no longer in infra\.yml: .* nobody reaches it/, { to: gone }],
    [/^it arrives, but no answer comes back$/, { trace: arrived }],
    [/`internet: public-only`/, { from: dev, trace: dropped({ rule: "@private drop" }) }],
    [/^nobody has the address 10\.2\.2\.9$/, { to: nobody }],
    [/nobody has .* can send only as its own machine/, { from: nobody }],
    [/the MAC or address is not the sender's/, { trace: dropped({ family: "bridge" }) }],
    [/a gateway answers only its own domain/, { to: { kind: "host", gatewayOf: "pro" } }],
    [/lab goes out only by wg0, but this host reaches 203\.0\.113\.10 by eth0/, { to: outside }],
    [/port 80 of the host leads there: .* outside host 80\/tcp/, { from: outside }],
    [/opens it, and br0, a bridge or tunnel/, {
      from: { ...outside, isOutside: false, interface: "br0" },
    }],
    [/^nothing in infra\.yml opens it$/, {}],
  ];
  for (const [reason, over] of cases) {
    assert.match(explain(infra, flow(over)).reason, reason);
  }
});

Deno.test("explain() advises a policy only where one would open the flow", () => {
  const service = { protocol: "tcp", port: 8080 } as const;
  assert.deepEqual(explain(infra, flow({})).advice, { from: "lab-a", to: "pro-dev", service });
  assert.equal(explain(infra, flow({ to: outside })).advice, undefined);
});

Deno.test("explain() tells another program's drop apart from anklume's own verdict", () => {
  const own = { ...arrived, answered: true };
  const theirs = explain(
    infra,
    flow({ trace: dropped({ table: "filter", family: "ip" }), own, whose: () => "Docker's" }),
  );
  assert.equal(theirs.otherTable, "table ip filter");
  assert.equal(theirs.anklumePasses, true);
  assert.match(theirs.reason, /drops it: table ip filter, which is Docker's; anklume allows it/);
});

import assert from "node:assert/strict";
import pc from "picocolors";
import type { Change, Plan } from "../plan/plan.ts";
import { disruptive, planText } from "./plan.ts";

const plain = { colors: pc.createColors(false), width: 80 };
const empty: Plan = {
  project: "home-lab",
  infraId: "0b1c",
  changes: [],
  unchanged: 14,
  orphans: [],
  diagnostics: [],
  held: [],
  watchStarts: false,
};

function change(over: Partial<Change>): Change {
  return {
    addr: { kind: "instance", name: "pro-dev", project: "pro" },
    action: "update",
    domain: "pro",
    fields: [],
    effect: "in-place",
    reason: "",
    dependsOn: [],
    needsForce: false,
    ...over,
  };
}

Deno.test("planText() says in one line that there is nothing to do", () => {
  assert.equal(planText(empty, plain), "home-lab: nothing to do, 14 resources as declared.\n");
});

Deno.test("planText() groups by domain and shows fields, consequence and reason", () => {
  const { domain: _, ...ofHost } = change({
    addr: { kind: "firewall", name: "anklume_home-lab" },
    action: "create",
    reason: "it is not loaded",
  });
  const plan = {
    ...empty,
    changes: [
      ofHost,
      change({
        fields: [
          { path: "config.limits.cpu", before: "2", after: "4", effect: "in-place" },
          { path: "devices.eth0.ipv4.address", before: "10.0.0.1", effect: "restart" },
        ],
        effect: "restart",
        reason: "infra.yml changed",
      }),
    ],
  };
  assert.equal(
    planText(plan, plain),
    `host
  + firewall anklume_home-lab  it is not loaded

pro
  ~ instance pro/pro-dev  infra.yml changed; restarts it
      config.limits.cpu: 2 -> 4
      devices.eth0.ipv4.address: 10.0.0.1 -> unset

home-lab: 1 to create, 1 to update (1 restart), 0 to delete; 14 unchanged.
`,
  );
});

Deno.test("planText() shows a breach before everything else", () => {
  const plan = {
    ...empty,
    changes: [
      change({ action: "create" }),
      change({
        addr: { kind: "instance", name: "pro-mail", project: "pro" },
        fields: [{
          path: "devices.eth9",
          before: "nic on net-lab",
          effect: "in-place",
          breach: true,
        }],
      }),
    ],
  };
  assert.match(planText(plan, plain), /^BREACH {2}instance pro\/pro-mail: devices\.eth9\n/);
});

Deno.test("planText() keeps within 80 columns and steers no terminal", () => {
  const long = "x".repeat(300);
  const plan = {
    ...empty,
    changes: [
      change({
        fields: [{
          path: "config.raw.dnsmasq",
          before: long,
          after: `\u001b[2J\n${long}`,
          effect: "next-start",
        }],
        reason: "one reason after another ".repeat(8),
        needsForce: true,
      }),
    ],
    orphans: [{ addr: { kind: "instance" as const, name: long, project: "old" }, protected: true }],
  };
  const text = planText(plan, plain);
  for (const line of text.split("\n")) assert.ok(line.length <= 80, `${line.length}: ${line}`);
  assert.ok(!text.includes("\u001b"));
});

Deno.test("disruptive() finds what somebody has to agree to", () => {
  const plan = {
    ...empty,
    changes: [
      change({ effect: "next-start" }),
      change({ effect: "rebuild" }),
      change({ effect: "data-lost" }),
      change({ effect: "restart" }),
    ],
  };
  assert.equal(disruptive(plan).length, 3);
});

Deno.test("planText() names what is held back, and how to let it go on", () => {
  const diagnostic = {
    severity: "error" as const,
    code: "PROTECTED",
    summary: "pro-dev is protected, so it is not rebuilt",
    remedy: "add --force",
  };
  const held = [{
    addr: { kind: "instance" as const, name: "pro-dev", project: "pro" },
    diagnostic,
  }];
  assert.equal(
    planText({ ...empty, held }, plain),
    `held back
  x pro-dev is protected, so it is not rebuilt
      add --force

home-lab: 0 to create, 0 to update, 0 to delete, 1 held back; 14 unchanged.
`,
  );
});

Deno.test("planText() shows the age, size and protection of what infra.yml no longer declares", () => {
  const orphans = [
    {
      addr: { kind: "instance" as const, name: "old-one", project: "old" },
      protected: true,
      createdAt: "2026-01-01T00:00:00Z",
      bytes: 36 * 1024 ** 2,
    },
    {
      addr: { kind: "volume" as const, name: "old-one-data", project: "old", pool: "default" },
      protected: false,
      createdAt: "2026-01-03T22:00:00Z",
      bytes: 10 * 1024 ** 3,
    },
    {
      addr: { kind: "network" as const, name: "net-old" },
      protected: false,
      createdAt: "2026-01-04T00:59:00Z",
    },
    { addr: { kind: "project" as const, name: "old" }, protected: false },
  ];
  const now = Date.parse("2026-01-04T01:00:00Z");
  const shown = planText({ ...empty, orphans }, plain, { now }).split("\n").slice(0, 5);
  assert.deepEqual(shown, [
    "no longer in infra.yml",
    "  ? instance old/old-one  3 days old, 36.0 MiB, protected",
    "  ? volume old/old-one-data  3 hours old, 10.0 GiB",
    "  ? network net-old  1 minute old",
    "  ? project old",
  ]);
});

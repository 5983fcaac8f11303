import assert from "node:assert/strict";
import pc from "picocolors";
import type { Change } from "../plan/plan.ts";
import { consentText, lossOf } from "./consent.ts";

const plain = { colors: pc.createColors(false), width: 80 };

function change(name: string, over: Partial<Change>): Change {
  return {
    addr: { kind: "instance", name, project: "pro" },
    action: "update",
    fields: [],
    effect: "in-place",
    reason: "",
    dependsOn: [],
    needsForce: false,
    ...over,
  };
}

const snapshots = { path: "snapshots", before: "a, b", effect: "data-lost" } as const;

Deno.test("lossOf() names what a change takes for good, and nothing of one that takes nothing", () => {
  assert.equal(lossOf(change("web", { effect: "restart" })), undefined);
  assert.equal(
    lossOf(change("web", { action: "replace", effect: "rebuild" })),
    "its root disk; its volumes stay",
  );
  assert.equal(
    lossOf(change("web", { action: "delete", effect: "data-lost", fields: [snapshots] })),
    "its root disk and its snapshots a, b",
  );
  const volume = { kind: "volume", name: "web-data", project: "pro", pool: "default" } as const;
  assert.equal(
    lossOf(change("", { addr: volume, action: "delete", effect: "data-lost" })),
    "all that is in it",
  );
  const network = { kind: "network", name: "net-pro" } as const;
  assert.equal(lossOf(change("", { addr: network, action: "delete" })), undefined);
});

Deno.test("consentText() says who is restarted and what is lost, each by name", () => {
  const text = consentText([
    change("mail", { effect: "restart" }),
    change("dns", { effect: "restart" }),
    change("web", { action: "replace", effect: "data-lost", fields: [snapshots] }),
  ], plain);
  assert.equal(
    text,
    "Restarted or stopped: mail, dns\nLost for good, of 1 resource:\n" +
      "  instance pro/web: its root disk and its snapshots a, b; its volumes stay\n",
  );
  assert.equal(consentText([], plain), "");
});

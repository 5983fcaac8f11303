import assert from "node:assert/strict";
import { formatAddr, type ResourceAddr } from "../resource/address.ts";
import { holdConflicts } from "./hold_conflicts.ts";
import type { Change, Plan } from "./plan.ts";

const machine = (project: string, name: string): ResourceAddr => ({
  kind: "instance",
  project,
  name,
});

function change(addr: ResourceAddr, more: Partial<Change> = {}): Change {
  return {
    addr,
    action: "create",
    domain: addr.project ?? "left",
    fields: [],
    effect: "in-place",
    reason: "",
    dependsOn: [],
    needsForce: false,
    ...more,
  };
}

function held(changes: readonly Change[], domains = ["left"]): { kept: string[]; held: string[] } {
  const plan: Plan = {
    project: "p",
    infraId: "0",
    changes,
    unchanged: 0,
    orphans: [],
    diagnostics: [],
    held: [],
    watchStarts: false,
  };
  const conflicts = domains.map((domain) => ({
    domain,
    diagnostic: { severity: "error", code: "HOST_NETWORK", summary: "" } as const,
  }));
  const after = holdConflicts(plan, conflicts);
  return {
    kept: after.changes.map(({ addr }) => formatAddr(addr)),
    held: after.held.map(({ addr }) => formatAddr(addr)),
  };
}

Deno.test("holdConflicts() holds what makes or starts something of a domain in conflict, and nothing of another", () => {
  const start = { path: "state", before: "stopped", after: "running", effect: "in-place" } as const;
  const firewall = { ...change({ kind: "firewall", name: "p" }), domain: undefined };
  assert.deepEqual(
    held([
      firewall as unknown as Change,
      change({ kind: "network", name: "net-left" }),
      change(machine("left", "l1"), { action: "update", fields: [start] }),
      change(machine("left", "l2"), { action: "replace" }),
      change(machine("right", "r1")),
    ]),
    {
      kept: ["firewall p", "instance right/r1"],
      held: ["network net-left", "instance left/l1", "instance left/l2"],
    },
  );
});

Deno.test("holdConflicts() lets go on what takes away, stops, or closes a door", () => {
  const stop = { path: "state", before: "running", after: "stopped", effect: "restart" } as const;
  const door = { path: "devices.eth9", before: "x", effect: "in-place", breach: true } as const;
  const changes = [
    change(machine("left", "l1"), { action: "delete" }),
    change(machine("left", "l2"), { action: "update", fields: [stop] }),
    change(machine("left", "l3"), { action: "update", fields: [door] }),
  ];
  assert.deepEqual(held(changes).held, []);
});

Deno.test("holdConflicts() holds what waits for something that is held", () => {
  const moved = change(machine("right", "r1"), { dependsOn: ["network net-left"] });
  assert.deepEqual(held([change({ kind: "network", name: "net-left" }), moved]), {
    kept: [],
    held: ["network net-left", "instance right/r1"],
  });
  assert.deepEqual(held([moved], []).held, []);
});

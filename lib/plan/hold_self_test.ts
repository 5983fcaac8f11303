import assert from "node:assert/strict";
import { formatAddr } from "../resource/address.ts";
import { instanceAddr } from "../resource/instance.ts";
import { networkAddr } from "../resource/network.ts";
import { holdSelf } from "./hold_self.ts";
import type { Change, Plan } from "./plan.ts";

const OWN = instanceAddr("control", "admin-ws");
const OTHER = instanceAddr("control", "other");
const SELF = new Set(["control/admin-ws"]);

function change(part: Partial<Change> & Pick<Change, "addr" | "action">): Change {
  return { fields: [], effect: "in-place", reason: "", dependsOn: [], needsForce: false, ...part };
}

function plan(...changes: Change[]): Plan {
  return {
    project: "tower",
    infraId: "",
    changes,
    unchanged: 0,
    orphans: [],
    diagnostics: [],
    held: [],
    watchStarts: false,
  };
}

function split(...changes: Change[]): { kept: string[]; held: string[] } {
  const result = holdSelf(plan(...changes), SELF);
  return {
    kept: result.changes.map(({ addr }) => formatAddr(addr)),
    held: result.held.map(({ addr }) => formatAddr(addr)),
  };
}

Deno.test("holdSelf() holds what would take anklume's own machine away, and nothing else", () => {
  const state = { path: "state", before: "running", after: "stopped", effect: "in-place" } as const;
  for (
    const own of [
      change({ addr: OWN, action: "delete" }),
      change({ addr: OWN, action: "replace", effect: "rebuild" }),
      change({ addr: OWN, action: "update", effect: "restart" }),
      change({ addr: OWN, action: "update", fields: [state] }),
    ]
  ) {
    const same = { ...own, addr: OTHER };
    assert.deepEqual(split(own, same), { kept: [formatAddr(OTHER)], held: [formatAddr(OWN)] });
  }
  const harmless = change({ addr: OWN, action: "update" });
  assert.deepEqual(split(harmless), { kept: [formatAddr(OWN)], held: [] });
});

Deno.test("holdSelf() holds what waits for it too, however far away", () => {
  const network = networkAddr("net-control");
  const firewall = { kind: "firewall", name: "tower" } as const;
  const result = split(
    change({ addr: OTHER, action: "delete" }),
    change({ addr: OWN, action: "delete" }),
    change({ addr: network, action: "delete", dependsOn: [formatAddr(OTHER), formatAddr(OWN)] }),
    change({ addr: firewall, action: "delete", dependsOn: [formatAddr(network)] }),
  );
  assert.deepEqual(result, {
    kept: [formatAddr(OTHER)],
    held: [formatAddr(OWN), formatAddr(network), formatAddr(firewall)],
  });
});

Deno.test("holdSelf() outside an admin container changes nothing", () => {
  const whole = plan(change({ addr: OWN, action: "delete" }));
  assert.equal(holdSelf(whole, new Set()), whole);
});

import assert from "node:assert/strict";
import { FirewallGate, type FirewallPort } from "./firewall_gate.ts";

function port(fault?: string): FirewallPort & { calls: string[] } {
  const calls: string[] = [];
  const call = (name: string) => () => {
    calls.push(name);
    return fault === undefined ? Promise.resolve() : Promise.reject(new Error(fault));
  };
  return {
    calls,
    load: call("load"),
    verify: call("verify"),
    settleBridge: call("settleBridge"),
    remove: call("remove"),
  };
}

Deno.test("FirewallGate lets nothing start before a planned load is done", async () => {
  const gate = new FirewallGate(port(), true);
  await assert.rejects(gate.check(), /the firewall is not loaded/);
  await gate.load();
  await gate.check();
});

Deno.test("FirewallGate looks once where nothing is to be loaded", async () => {
  const firewall = port();
  const gate = new FirewallGate(firewall, false);
  await Promise.all([gate.check(), gate.check()]);
  assert.deepEqual(firewall.calls, ["verify"]);
});

Deno.test("FirewallGate lets nothing start when the load or the look failed", async () => {
  const loading = new FirewallGate(port("nft: boom"), true);
  await assert.rejects(loading.load(), /boom/);
  await assert.rejects(loading.check(), /is not as expected.*boom/);
  await assert.rejects(new FirewallGate(port("gone"), false).check(), /is not as expected.*gone/);
});

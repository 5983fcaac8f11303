import { setTimeout as sleep } from "node:timers/promises";
import assert from "node:assert/strict";
import type { Change } from "../plan/plan.ts";
import { formatAddr, type ResourceKind } from "../resource/address.ts";
import { INTERRUPTED, runSchedule } from "./schedule.ts";

function change(kind: ResourceKind, name: string, dependsOn: readonly string[] = []): Change {
  return {
    addr: { kind, name },
    action: "create",
    fields: [],
    effect: "in-place",
    reason: "",
    dependsOn,
    needsForce: false,
  };
}

/**
 * Runs a schedule in which each change ends on request or after one turn. Returns the events in
 * order.
 */
async function trace(
  changes: readonly Change[],
  options: {
    fails?: string;
    signal?: AbortSignal;
    concurrency?: number;
    onRun?: (name: string, running: number) => void;
  } = {},
): Promise<string[]> {
  const log: string[] = [];
  let running = 0;
  await runSchedule({
    changes,
    concurrency: options.concurrency ?? 4,
    signal: options.signal,
    run: async (one) => {
      const name = formatAddr(one.addr);
      log.push(`start ${name}`);
      options.onRun?.(name, ++running);
      await sleep(2);
      running--;
      log.push(`end ${name}`);
      return name !== options.fails;
    },
    skip: (one, because) => log.push(`skip ${formatAddr(one.addr)}: ${because}`),
  });
  return log;
}

Deno.test("runSchedule() ends at once when there is nothing to do", async () => {
  assert.deepEqual(await trace([]), []);
});

Deno.test("runSchedule() starts a change when all it needs is done, and not before", async () => {
  const log = await trace([
    change("project", "a"),
    change("network", "a"),
    change("instance", "a", ["project a", "network a"]),
  ]);
  assert.ok(log.indexOf("start instance a") > log.indexOf("end project a"));
  assert.ok(log.indexOf("start instance a") > log.indexOf("end network a"));
});

Deno.test("runSchedule() makes bridges one at a time and never more machines than allowed", async () => {
  const seen = { network: 0, instance: 0 };
  let networks = 0;
  let instances = 0;
  const names = Array.from({ length: 12 }, (_, index) => `n${index}`);
  await runSchedule({
    changes: names.flatMap((name) => [change("network", name), change("instance", name)]),
    concurrency: 3,
    signal: undefined,
    run: async ({ addr }) => {
      if (addr.kind === "network") seen.network = Math.max(seen.network, ++networks);
      else seen.instance = Math.max(seen.instance, ++instances);
      await sleep(1);
      if (addr.kind === "network") networks--;
      else instances--;
      return true;
    },
    skip: () => assert.fail("nothing is skipped"),
  });
  assert.deepEqual(seen, { network: 1, instance: 3 });
});

Deno.test("runSchedule() lets a machine start while another domain's bridge is still being made", async () => {
  const log = await trace([
    change("network", "a"),
    change("network", "b"),
    change("instance", "a", ["network a"]),
    change("instance", "b", ["network b"]),
  ]);
  assert.ok(log.indexOf("start instance a") < log.indexOf("end network b"));
});

Deno.test("runSchedule() skips what depends on a failure, however far, and nothing else", async () => {
  const log = await trace([
    change("project", "a"),
    change("volume", "a", ["project a"]),
    change("instance", "a", ["volume a"]),
    change("project", "b"),
    change("instance", "b", ["project b"]),
  ], { fails: "project a" });
  assert.ok(log.includes("skip volume a: project a"));
  assert.ok(log.includes("skip instance a: project a"));
  assert.ok(log.includes("end instance b"));
});

Deno.test("runSchedule() starts nothing after an interruption, and waits for what runs", async () => {
  const controller = new AbortController();
  const changes = ["a", "b", "c", "d"].map((name) => change("instance", name));
  const log = await trace([...changes, change("instance", "e", ["instance a"])], {
    signal: controller.signal,
    concurrency: 2,
    onRun: (_, running) => running === 2 && controller.abort(),
  });
  assert.deepEqual(log.slice(0, 2), ["start instance a", "start instance b"]);
  assert.ok(log.includes("end instance a") && log.includes("end instance b"));
  for (const name of ["c", "d", "e"]) {
    assert.ok(log.includes(`skip instance ${name}: ${INTERRUPTED}`));
  }
});

Deno.test("runSchedule() runs nothing when it was interrupted before", async () => {
  const log = await trace([change("project", "a")], { signal: AbortSignal.abort() });
  assert.deepEqual(log, [`skip project a: ${INTERRUPTED}`]);
});

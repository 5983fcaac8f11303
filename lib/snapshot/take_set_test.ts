import assert from "node:assert/strict";
import type { IncusClient } from "../incus/incus_client.ts";
import type { Instance, InstanceStatePut } from "../incus/wire/instance.ts";
import type { LiveMachine } from "./inventory.ts";
import { takeSet } from "./take_set.ts";

/** More than are frozen at a time: the last begins when another is done, and ends after the slow one. */
const MACHINES = ["web", "db", "mail", "dns", "ci"];
const TAKES_MS: Readonly<Record<string, number>> = { db: 60, ci: 45 };

Deno.test("takeSet() tells the longest stillness of all, whichever machine is done last", async () => {
  const since = new Map<string, number>();
  const still = new Map<string, number>();
  const incus = {
    instances: {
      setState: (_: string, name: string, { action }: InstanceStatePut) => {
        if (action === "freeze") since.set(name, performance.now());
        else still.set(name, performance.now() - (since.get(name) ?? NaN));
        return Promise.resolve();
      },
    },
    instanceSnapshots: {
      create: (_: string, name: string) => after(TAKES_MS[name] ?? 30),
    },
    projects: {
      get: () => Promise.resolve({ value: { description: "", config: {} }, etag: "" }),
      update: () => Promise.resolve(),
    },
  } as unknown as IncusClient;
  const request = {
    name: "one",
    kind: "manual",
    at: new Date(0),
    consistent: true,
    machines: MACHINES.map(running),
  } as const;
  const quiet = { signal: new AbortController().signal, onEvent: () => {} };
  const { frozenMs, outcome } = await takeSet(incus, request, quiet);
  assert.equal(outcome, "taken");
  const longest = Math.max(...still.values());
  assert.ok(frozenMs >= longest, `${frozenMs} ms told, ${longest} ms seen`);
});

function running(name: string): LiveMachine {
  const instance = { config: {} } as Instance;
  return {
    project: "pro",
    name,
    status: "Running",
    instance,
    volumes: [],
  } as unknown as LiveMachine;
}

function after(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

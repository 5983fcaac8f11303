import assert from "node:assert/strict";
import type { IncusClient } from "../incus/incus_client.ts";
import { IncusError } from "../incus/incus_error.ts";
import type { Instance } from "../incus/wire/instance.ts";
import type { LiveMachine } from "./live_machine.ts";
import type { RestorePlan } from "./plan_restore.ts";
import { type RestoreOptions, restoreSet } from "./restore_set.ts";

const INSTANCE = { name: "db", project: "pro", config: {}, devices: {}, profiles: [] };
const LIVE = {
  project: "pro",
  name: "db",
  status: "Stopped",
  instance: INSTANCE as unknown as Instance,
  volumes: [],
} as unknown as LiveMachine;
const PLAN = {
  set: { name: "one" },
  machines: [{
    live: LIVE,
    member: { project: "pro", machine: "db", gone: false, snapshot: "one", volumes: [] },
    runs: false,
    lostVolumes: [],
    goneVolumes: [],
    newVolumes: [],
    limits: new Map(),
  }],
} as unknown as RestorePlan;

/** Restores in a pool that is full for `full` attempts; `waits`: how many waits are worthwhile. */
async function restoreFull(
  full: number,
  waits: number,
  words = "write backup.yaml: no space left",
) {
  let tries = 0;
  let waited = 0;
  const incus = {
    instances: { get: () => Promise.resolve({ value: INSTANCE, etag: "" }) },
    instanceSnapshots: {
      restore: () => ++tries > full ? Promise.resolve() : Promise.reject(new Error(words)),
    },
    projects: {
      get: () => Promise.resolve({ value: { description: "", config: {} }, etag: "" }),
      update: () => Promise.resolve(),
    },
  } as unknown as IncusClient;
  const options = {
    desired: new Map(),
    networks: [],
    earlier: new Map(),
    outdated: [],
    room: () => Promise.resolve(waited++ < waits),
    signal: new AbortController().signal,
    onEvent: () => {},
  } as unknown as RestoreOptions;
  const { done, failed } = await restoreSet(incus, PLAN, options);
  return { tries, done, failed: failed.length };
}

Deno.test("restoreSet() waits for the room that a full pool gives back, and no longer than it is worth", async () => {
  assert.deepEqual(await restoreFull(2, 5), { tries: 3, done: ["db"], failed: 0 });
  assert.deepEqual(await restoreFull(9, 2), { tries: 3, done: [], failed: 1 });
  assert.deepEqual(await restoreFull(1, 5, "busy"), { tries: 1, done: [], failed: 1 });
});

Deno.test("restoreSet() outlasts a daemon that is restarted before it takes its note away", async () => {
  let written = 0;
  const incus = {
    instances: { get: () => Promise.resolve({ value: INSTANCE, etag: "" }) },
    instanceSnapshots: { restore: () => Promise.resolve() },
    projects: {
      get: () => Promise.resolve({ value: { description: "", config: {} }, etag: "" }),
      update: () =>
        ++written === 2
          ? Promise.reject(new IncusError(503, "PUT", "/1.0/projects/pro", "Shutting down"))
          : Promise.resolve(),
    },
  } as unknown as IncusClient;
  const options = {
    desired: new Map(),
    networks: [],
    earlier: new Map(),
    outdated: [],
    signal: new AbortController().signal,
    onEvent: () => {},
  } as unknown as RestoreOptions;
  const { done } = await restoreSet(incus, PLAN, options);
  assert.deepEqual([done, written], [["db"], 3]);
});

/** Returns the configs written on a volume whose size now differs from its size in the snapshot. */
async function limitsWritten(then: string | undefined, now: string | undefined) {
  const written: unknown[] = [];
  const config = { "user.anklume.domain": "pro", ...(now === undefined ? {} : { size: now }) };
  const incus = {
    instances: { get: () => Promise.resolve({ value: INSTANCE, etag: "" }) },
    instanceSnapshots: { restore: () => Promise.resolve() },
    volumeSnapshots: { restore: () => Promise.resolve() },
    volumes: {
      get: () => Promise.resolve({ value: { description: "", config }, etag: "" }),
      update: (_: string, __: string, ___: string, body: { config: { size?: string } }) => {
        written.push(body.config.size);
        return Promise.resolve();
      },
    },
    projects: {
      get: () => Promise.resolve({ value: { description: "", config: {} }, etag: "" }),
      update: () => Promise.resolve(),
    },
  } as unknown as IncusClient;
  const [machine] = PLAN.machines;
  const member = {
    ...machine!.member,
    volumes: [{ pool: "tank", volume: "db-data", snapshot: "one" }],
  };
  const limits = new Map([["tank/pro/db-data", then]]);
  const plan = { ...PLAN, machines: [{ ...machine!, member, limits }] };
  const options = {
    desired: new Map(),
    networks: [],
    earlier: new Map(),
    outdated: [],
    signal: new AbortController().signal,
    onEvent: () => {},
  } as unknown as RestoreOptions;
  const { done } = await restoreSet(incus, plan, options);
  assert.deepEqual(done, ["db"]);
  return written;
}

Deno.test("restoreSet() puts the limit of now on a volume that got back that of then", async () => {
  assert.deepEqual(await limitsWritten("50MiB", "90MiB"), [undefined, "90MiB"]);
  assert.deepEqual(await limitsWritten(undefined, "90MiB"), [undefined, "90MiB"]);
  assert.deepEqual(await limitsWritten("50MiB", undefined), ["50MiB", undefined]);
  assert.deepEqual(await limitsWritten("90MiB", "90MiB"), []);
  assert.deepEqual(await limitsWritten(undefined, undefined), []);
});

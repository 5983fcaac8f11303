import { setTimeout as sleep } from "node:timers/promises";
import assert from "node:assert/strict";
import type { IncusClient } from "../incus/incus_client.ts";
import { IncusError } from "../incus/incus_error.ts";
import type { Instance, InstanceStatePut } from "../incus/wire/instance.ts";
import type { LiveMachine } from "./live_machine.ts";
import { NameTakenError } from "./note_store.ts";
import { takeSet } from "./take_set.ts";

/**
 * More machines than are frozen at a time. The last one starts when another is done, and ends after
 * the slow one.
 */
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
    projects: oneProject(),
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

/**
 * Takes a set of one machine. `thaw` refuses an attempt to thaw it, `snapshot` to take its
 * snapshot.
 */
async function takeOne(
  { thaw, snapshot, status }: { thaw: (tries: number) => void; snapshot?: Error; status: string },
) {
  let tries = 0;
  const incus = {
    instances: {
      setState: async (_: string, __: string, { action }: InstanceStatePut) => {
        if (action === "unfreeze") await thaw(++tries);
      },
      get: () => Promise.resolve({ value: { status }, etag: "" }),
    },
    instanceSnapshots: {
      create: () => snapshot === undefined ? Promise.resolve() : Promise.reject(snapshot),
      delete: () => Promise.resolve(),
    },
    projects: oneProject(),
  } as unknown as IncusClient;
  const request = {
    name: "one",
    kind: "manual",
    at: new Date(0),
    consistent: true,
    machines: [running("db")],
  } as const;
  const quiet = { signal: new AbortController().signal, onEvent: () => {} };
  const { outcome, failed } = await takeSet(incus, request, quiet);
  return { outcome, said: failed.map(({ message }) => message).join(), tries };
}

function refused(status: number, words: string): IncusError {
  return new IncusError(status, "PUT", "/1.0/instances/db/state", words);
}

Deno.test("takeSet() leaves no machine frozen for a daemon that is restarted meanwhile", async () => {
  const thaw = (tries: number) => {
    if (tries === 1) throw refused(503, "Shutting down");
  };
  assert.deepEqual(await takeOne({ thaw, status: "Frozen" }), {
    outcome: "taken",
    said: "",
    tries: 2,
  });
});

Deno.test("takeSet() says that a machine stays frozen, also where its snapshot failed before", async () => {
  const thaw = () => {
    throw refused(400, "no");
  };
  const snapshot = new Error("no space left");
  const { outcome, said } = await takeOne({ thaw, snapshot, status: "Frozen" });
  assert.equal(outcome, "undone");
  assert.match(said, /^no space left; it stays frozen, thaw it with `incus resume .* db`/);
});

Deno.test("takeSet() tells a machine that somebody else thawed from one that stays frozen", async () => {
  const thaw = () => {
    throw refused(400, "The container is already running");
  };
  const { outcome, said } = await takeOne({ thaw, status: "Running" });
  assert.deepEqual({ outcome, said }, {
    outcome: "undone",
    said: "it was thawed before its snapshot was taken",
  });
});

/** A project that stores the written notes. */
function oneProject() {
  let config: Record<string, string> = {};
  return {
    get: () => Promise.resolve({ value: { description: "", config }, etag: "" }),
    update: (_: string, body: { config: Record<string, string> }) => {
      config = body.config;
      return Promise.resolve();
    },
  };
}

/**
 * One project whose note is another run's once `theirs` says so. Records what was requested of its
 * machine and written on it.
 */
function contested(theirs: (update: number) => boolean, refusal?: IncusError) {
  const other = JSON.stringify({ state: "taking", kind: "manual", at: "2026-01-01", machines: [] });
  const asked: string[] = [];
  let config: Record<string, string> = {};
  let updates = 0;
  const incus = {
    instanceSnapshots: {
      create: () => {
        asked.push("create");
        if (theirs(updates + 1)) config = { [KEY]: other };
        return refusal === undefined ? Promise.resolve() : Promise.reject(refusal);
      },
      delete: () => {
        asked.push("delete");
        return Promise.resolve();
      },
    },
    projects: {
      get: () => Promise.resolve({ value: { description: "", config }, etag: "" }),
      update: (_: string, body: { config: Record<string, string> }) => {
        config = theirs(++updates) ? { ...body.config, [KEY]: other } : body.config;
        return Promise.resolve();
      },
    },
  } as unknown as IncusClient;
  const request = {
    name: "one",
    kind: "manual",
    at: new Date(0),
    machines: [running("db")],
  } as const;
  const quiet = { signal: new AbortController().signal, onEvent: () => {} };
  return { taking: takeSet(incus, request, quiet), asked, noted: () => config[KEY] === other };
}

const KEY = "user.anklume.snapshot.one";

Deno.test("takeSet() takes nothing where another claim of the name came out on top of its own", async () => {
  const { taking, asked, noted } = contested((update) => update === 1);
  await assert.rejects(taking, NameTakenError);
  assert.deepEqual(asked, []);
  assert.ok(noted());
});

Deno.test("takeSet() leaves the note and the snapshots of who was quicker", async () => {
  const there = refused(400, "Snapshot already exists");
  const { taking, asked, noted } = contested((update) => update === 2, there);
  await assert.rejects(taking, NameTakenError);
  assert.deepEqual(asked, ["create"]);
  assert.ok(noted());
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
  return sleep(ms);
}

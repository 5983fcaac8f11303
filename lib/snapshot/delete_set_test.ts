import assert from "node:assert/strict";
import type { IncusClient } from "../incus/incus_client.ts";
import { deleteSet } from "./delete_set.ts";
import type { SetNote } from "./set_note.ts";
import type { SetMember, SnapshotSet } from "./snapshot_set.ts";

const NAMES = ["db", "web"];
const NOTE: SetNote = {
  state: "whole",
  kind: "manual",
  at: "2026-11-25T09:00:00.000Z",
  machines: NAMES.map((machine) => ({ project: "pro", machine, volumes: {} })),
};
const SET: SnapshotSet = {
  name: "one",
  origin: "manual",
  at: NOTE.at,
  members: NAMES.map((machine): SetMember => ({
    project: "pro",
    machine,
    gone: false,
    snapshot: "one",
    volumes: [],
  })),
  faults: [],
};

/** @returns the notes written for the set when db's snapshot can be deleted, and web's cannot */
async function written(members: readonly SetMember[]): Promise<string[]> {
  const seen: string[] = [];
  const incus = {
    instanceSnapshots: {
      delete: (_: string, machine: string) =>
        machine === "db" ? Promise.resolve() : Promise.reject(new Error("it is busy")),
    },
    projects: {
      get: () => Promise.resolve({ value: { description: "", config: {} }, etag: "" }),
      update: (_: string, { config }: { config: Record<string, string> }) => {
        seen.push(config["user.anklume.snapshot.one"] ?? "none");
        return Promise.resolve();
      },
    },
  } as unknown as IncusClient;
  const quiet = { signal: new AbortController().signal, onEvent: () => {} };
  const notes = new Map([["pro", new Map([["one", NOTE]])]]);
  await deleteSet(incus, { set: SET, notes, members }, quiet);
  return seen;
}

Deno.test("deleteSet() leaves the note of a set that could not go whole, so that it counts as incomplete", async () => {
  assert.deepEqual(await written(SET.members), []);
});

Deno.test("deleteSet() forgets the machines whose part alone was to go", async () => {
  const [note = ""] = await written(SET.members.slice(0, 1));
  const { machines } = JSON.parse(note) as SetNote;
  assert.deepEqual(machines.map(({ machine }) => machine), ["web"]);
});

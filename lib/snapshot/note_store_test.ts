import assert from "node:assert/strict";
import type { IncusClient } from "../incus/incus_client.ts";
import { IncusError } from "../incus/incus_error.ts";
import { NameTakenError, SetNoteWriter, withoutExpired } from "./note_store.ts";
import { setKey, type SetNote } from "./set_note.ts";

Deno.test("withoutExpired() drops notes a day after their sets have expired, and nothing else", () => {
  const note = (expires?: string) =>
    JSON.stringify({
      at: "2026-11-01T00:00:00Z",
      expires,
      machines: [{ project: "pro", machine: "db", volumes: {} }],
    });
  const config = {
    [setKey("old")]: note("2026-11-23T09:00:00Z"),
    [setKey("recent")]: note("2026-11-25T08:00:00Z"),
    [setKey("stays")]: note(),
    [setKey("damaged")]: "{",
    "user.anklume.project": "x",
  };
  const { [setKey("old")]: _, ...rest } = config;
  assert.deepEqual(withoutExpired(config, new Date("2026-11-25T10:00:00Z")), rest);
});

const NOTE: SetNote = {
  state: "taking",
  kind: "manual",
  at: "2026-11-25T09:00:00Z",
  machines: [{ project: "pro", machine: "db", volumes: {} }],
};

Deno.test("claim() writes no note over one that another clone of the workspace wrote meanwhile", async () => {
  const theirs = JSON.stringify({ ...NOTE, at: "2026-11-25T09:00:01Z" });
  let config: Record<string, string> = {};
  const incus = {
    projects: {
      get: () => Promise.resolve({ value: { description: "", config: { ...config } }, etag: "" }),
      update: () => {
        config = { [setKey("one")]: theirs };
        return Promise.reject(
          new IncusError(412, "PUT", "/1.0/projects/pro", "ETag doesn't match"),
        );
      },
    },
  } as unknown as IncusClient;
  await assert.rejects(new SetNoteWriter(incus, "pro", "one").claim(NOTE), NameTakenError);
  assert.deepEqual(config, { [setKey("one")]: theirs });
});

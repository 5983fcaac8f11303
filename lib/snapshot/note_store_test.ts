import assert from "node:assert/strict";
import { withoutExpired } from "./note_store.ts";
import { setKey } from "./set_note.ts";

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

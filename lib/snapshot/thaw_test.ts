import assert from "node:assert/strict";
import type { IncusClient } from "../incus/incus_client.ts";
import type { Inventory } from "./inventory.ts";
import { setKey, type SetNote } from "./set_note.ts";
import { thawLeft } from "./thaw.ts";

const TAKING: SetNote = {
  state: "taking",
  kind: "manual",
  at: "2026-11-26T10:00:00.000Z",
  machines: [{ project: "pro", machine: "db", volumes: {} }],
  frozen: ["pro/db"],
};

/** Thaws what was read as `TAKING` while the note is `now`; returns the note afterwards. */
async function thawOver(now: SetNote | undefined): Promise<SetNote | undefined> {
  let config: Record<string, string> = now === undefined
    ? {}
    : { [setKey("one")]: JSON.stringify(now) };
  const incus = {
    projects: {
      get: () => Promise.resolve({ value: { description: "", config }, etag: "" }),
      update: (_: string, body: { config: Record<string, string> }) => {
        config = body.config;
        return Promise.resolve();
      },
    },
  } as unknown as IncusClient;
  const notes = new Map([["pro", new Map([["one", TAKING]])]]);
  await thawLeft(incus, { machines: [], notes } as unknown as Inventory);
  const text = config[setKey("one")];
  return text === undefined ? undefined : JSON.parse(text);
}

Deno.test("thawLeft() takes nothing back of what another clone has written since", async () => {
  const { frozen: _, ...note } = TAKING;
  assert.deepEqual(await thawOver(TAKING), note);
  const whole = { ...note, state: "whole" } as const;
  assert.deepEqual(await thawOver(whole), whole);
  assert.equal(await thawOver(undefined), undefined);
});

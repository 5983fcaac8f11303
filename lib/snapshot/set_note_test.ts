import assert from "node:assert/strict";
import { readRestoreNote, readSetNotes, RESTORE_KEY, setKey } from "./set_note.ts";

Deno.test("readSetNotes() reads what was written, and no other key", () => {
  const note = {
    state: "taking",
    kind: "safety",
    at: "2026-11-25T09:00:00.000Z",
    expires: "2026-12-02T09:00:00.000Z",
    description: "before x",
    machines: [
      { project: "pro", machine: "db", uuid: "1e3b", volumes: { "vol-data": "default/db-data" } },
      { project: "pro", machine: "new", at: "2026-11-25T10:00:00.000Z", volumes: {} },
    ],
    frozen: ["pro/db"],
  };
  const config = { [setKey("a.b")]: JSON.stringify(note), "user.anklume.project": "x" };
  assert.deepEqual([...readSetNotes(config)], [["a.b", note]]);
});

Deno.test("readSetNotes() leaves damaged notes out", () => {
  const at = "2026-11-25T09:00:00.000Z";
  const db = { project: "pro", machine: "db", volumes: { data: "default/db-data" } };
  const damaged = [
    { at: 1, machines: [db] },
    { at: "x", machines: [db] },
    { at, expires: "soon", machines: [db] },
    { at },
    { at, machines: [] },
    { at, machines: [db, { machine: "web" }] },
    { at, machines: [{ ...db, volumes: { data: "db-data" } }] },
    { at, machines: [{ ...db, volumes: undefined }] },
  ].map((note) => JSON.stringify(note));
  for (const text of ["", "{", "[]", "null", ...damaged]) {
    assert.equal(readSetNotes({ [setKey("a")]: text }).size, 0, text);
  }
  assert.equal(readSetNotes({ [setKey("a")]: JSON.stringify({ at, machines: [db] }) }).size, 1);
});

Deno.test("readRestoreNote() reads pending machines, and none from a damaged note", () => {
  const pending = {
    db: { set: "one", ran: true, uuid: "1e3b", safety: "before" },
    web: { set: "one", ran: false, volumes: { "vol-data": "default/web-data" } },
  };
  assert.deepEqual(readRestoreNote({ [RESTORE_KEY]: JSON.stringify(pending) }), pending);
  assert.deepEqual(readRestoreNote({ [RESTORE_KEY]: '{"db":{"set":1},"web":3}' }), {});
  assert.deepEqual(readRestoreNote({}), {});
});

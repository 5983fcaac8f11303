import assert from "node:assert/strict";
import type { Instance } from "../incus/wire/instance.ts";
import { followRestores } from "./inventory.ts";

function machine(project: string, name: string, uuid?: string) {
  const config = uuid === undefined ? {} : { "volatile.uuid": uuid };
  return { project, name, instance: { config } as unknown as Instance };
}

Deno.test("followRestores() finds a machine that was renamed and moved, and forgets one that is gone or was made anew", () => {
  const pending = (uuid?: string) => ({
    set: "one",
    ran: true,
    ...(uuid === undefined ? {} : { uuid }),
  });
  const written = new Map([["pro", {
    db: pending("1e3b"),
    gone: pending("77aa"),
    anew: pending("88bb"),
    fresh: pending(),
    reborn: pending("99cc"),
  }]]);
  const machines = [
    machine("lab", "sql", "1e3b"),
    machine("pro", "anew", "0000"),
    machine("pro", "fresh", "1111"),
    // Put back to before its first start, and not converged yet.
    machine("pro", "reborn"),
  ];
  const restores = followRestores(written, machines);
  assert.deepEqual(
    [...restores].map(([project, note]) => [project, Object.keys(note)]),
    [["lab", ["sql"]], ["pro", ["fresh", "reborn"]]],
  );
});

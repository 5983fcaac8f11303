import assert from "node:assert/strict";
import fc from "fast-check";
import { aMachine } from "../infra/_infra_builder.ts";
import { orderRoles } from "./role_order.ts";

const machines = (lists: Record<string, string[]>) =>
  Object.entries(lists).map(([name, roles]) => aMachine(name, "pro", { roles }));

Deno.test("orderRoles() gives each role one play when all machines agree", () => {
  const plays = orderRoles(machines({ a: ["base", "web"], b: ["base", "db", "web"], c: [] }));
  assert.deepEqual(plays, [{ role: "base" }, { role: "db" }, { role: "web" }]);
});

Deno.test("orderRoles() splits a role when two machines want it the other way round", () => {
  const plays = orderRoles(machines({ a: ["x", "y"], b: ["y", "x"] }));
  assert.deepEqual(plays, [
    { role: "x", machines: ["a"] },
    { role: "y" },
    { role: "x", machines: ["b"] },
  ]);
});

Deno.test("orderRoles() runs every machine's roles in its own order, and each once", () => {
  const roles = fc.uniqueArray(fc.constantFrom("a", "b", "c", "d"), { maxLength: 4 });
  fc.assert(fc.property(fc.array(roles, { maxLength: 6 }), (lists) => {
    const all = lists.map((roles, index) => aMachine(`m${index}`, "pro", { roles }));
    const ran = new Map<string, string[]>(all.map((machine) => [machine.name, []]));
    for (const play of orderRoles(all)) {
      const hosts = play.machines ??
        all.filter(({ roles }) => roles.includes(play.role)).map(({ name }) => name);
      for (const host of hosts) ran.get(host)?.push(play.role);
    }
    for (const machine of all) assert.deepEqual(ran.get(machine.name), machine.roles);
  }));
});

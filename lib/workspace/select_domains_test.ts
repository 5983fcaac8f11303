import assert from "node:assert/strict";
import type { Infra } from "../infra/infra.ts";
import { selectDomains } from "./select_domains.ts";
import { UserError } from "../session/user_error.ts";

// Only the fields that are read.
const infra = {
  domains: [{ name: "pro" }, { name: "tp-01" }, { name: "tp-02" }],
  copies: new Map([["tp", ["tp-01", "tp-02"]]]),
} as unknown as Infra;

Deno.test("selectDomains() takes a domain with copies for all of them", () => {
  assert.deepEqual(selectDomains(infra, ["tp", "pro", "tp-01"]), ["tp-01", "tp-02", "pro"]);
  assert.equal(selectDomains(infra, []), undefined);
});

Deno.test("selectDomains() knows what is gone from infra.yml where it is told to", () => {
  assert.deepEqual(selectDomains(infra, ["old"], ["old"]), ["old"]);
});

Deno.test("selectDomains() refuses an unknown name and says which was meant", () => {
  assert.throws(() => selectDomains(infra, ["prod"]), (error) => {
    assert.ok(error instanceof UserError);
    assert.match(error.message, /`prod`/);
    assert.match(error.remedy ?? "", /`pro`/);
    return true;
  });
});

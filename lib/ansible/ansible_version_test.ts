import assert from "node:assert/strict";
import { ansibleVersion, isOlder } from "./ansible_version.ts";

Deno.test("ansibleVersion() reads what old and new releases print", () => {
  assert.equal(
    ansibleVersion("ansible-playbook [core 2.19.14]\n  config file = None\n"),
    "2.19.14",
  );
  assert.equal(ansibleVersion("ansible-playbook 2.9.6\n"), "2.9.6");
  assert.equal(ansibleVersion("ansible-playbook [core 2.20.0rc1]"), "2.20.0rc1");
  assert.equal(ansibleVersion("bash: no"), undefined);
});

Deno.test("isOlder() compares numbers, not text", () => {
  assert.deepEqual(["2.9.6", "2.15.13", "2.16.0", "2.19.14", "3.0"].map(isOlder), [
    true,
    true,
    false,
    false,
    false,
  ]);
});

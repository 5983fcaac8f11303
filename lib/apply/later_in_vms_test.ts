import assert from "node:assert/strict";
import { isLaterInVms } from "./later_in_vms.ts";

const TITLE = "The following instances failed to update (profile change still saved):\n";
const KEY =
  ' - Project: pro, Instance: pro-vm: Key "limits.disk.priority" cannot be updated when VM is running\n';

Deno.test("isLaterInVms() knows what a running virtual machine takes when it starts", () => {
  assert.ok(isLaterInVms(TITLE + KEY));
  const memory =
    " - Project: pro, Instance: b: Failed updating memory limit: Cannot increase memory size beyond boot time size when VM is running (Boot time size 512MiB, new size 1024MiB)\n";
  assert.ok(isLaterInVms(TITLE + KEY + memory));
});

Deno.test("isLaterInVms() lets no other failure pass", () => {
  const other = " - Project: pro, Instance: pro-a: Failed to write backup file: no space left\n";
  const slow =
    " - Project: pro, Instance: b: Failed updating memory limit: Failed setting memory to 448MiB (currently 500MiB) as it was taking too long\n";
  for (const words of [TITLE, TITLE + slow, TITLE + KEY + other, TITLE + other, KEY, ""]) {
    assert.ok(!isLaterInVms(words), words);
  }
});

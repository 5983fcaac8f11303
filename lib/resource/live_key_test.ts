import assert from "node:assert/strict";
import { isLiveKey } from "./live_key.ts";

/** Reads `key before -> after`, with `-` for no value. */
function live(change: string, type: "lxc" | "vm"): boolean {
  const [key = "", before, , after] = change.split(" ");
  const value = (text = "-") => text === "-" ? undefined : text;
  return isLiveKey({ key, before: value(before), after: value(after) }, type);
}

Deno.test("isLiveKey() knows what Incus changes of a running virtual machine", () => {
  const changes = {
    "limits.cpu 1 -> 2": true,
    "limits.cpu - -> 2": true,
    "limits.cpu 4 -> 1": true,
    "limits.cpu 0-1 -> 2": false,
    "limits.cpu 2 -> 0-1": false,
    "limits.cpu 2 -> -": false,
    "limits.memory 2GiB -> 1GiB": true,
    "limits.memory - -> 512MiB": true,
    "limits.memory - -> 2GiB": false,
    "limits.memory 1GiB -> 2GiB": false,
    "limits.memory 50% -> 1GiB": false,
    "limits.memory 2GiB -> -": false,
    "environment.LANG - -> C.UTF-8": true,
    "security.protection.delete - -> true": true,
    "security.protection.start - -> true": false,
    "security.secureboot - -> false": false,
    "limits.disk.priority - -> 5": false,
    "raw.qemu - -> -S": false,
  };
  for (const [change, expected] of Object.entries(changes)) {
    assert.equal(live(change, "vm"), expected, change);
  }
});

Deno.test("isLiveKey() takes every limit but the kernel's for live in a container", () => {
  assert.ok(live("limits.memory 1GiB -> 2GiB", "lxc"));
  assert.ok(live("limits.cpu 2 -> 0-1", "lxc"));
  assert.ok(live("security.protection.start - -> true", "lxc"));
  assert.ok(!live("limits.kernel.nofile - -> 5", "lxc"));
});

import assert from "node:assert/strict";
import { lxcReason, qemuReason } from "./start_failure.ts";

Deno.test("lxcReason() returns the first error of LXC", () => {
  const log = `lxc left_web 20261201073000.123 WARN     utils - ../src/lxc/utils.c:x:1 - A warning
lxc left_web 20261201073000.124 ERROR    sysctls - ../src/lxc/conf.c:setup_sysctl_parameters:2993 - No such file or directory - Failed to open "/proc/sys/net/ipv6/conf/all/disable_ipv6"
lxc left_web 20261201073000.125 ERROR    start - ../src/lxc/start.c:do_start:1272 - Failed to setup container "left_web"
`;
  assert.equal(
    lxcReason(log),
    'No such file or directory - Failed to open "/proc/sys/net/ipv6/conf/all/disable_ipv6"',
  );
  assert.equal(lxcReason("lxc x 1 INFO conf - a:1 - fine\n"), undefined);
  assert.equal(lxcReason(""), undefined);
});

Deno.test("qemuReason() returns QEMU's last words", () => {
  const words =
    "qemu-system-x86_64: unable to map backing store for guest RAM: Cannot allocate memory";
  assert.equal(qemuReason(`qemu-system-x86_64: warning: old\n${words}\n`), words);
  assert.equal(qemuReason("something else\n"), undefined);
});

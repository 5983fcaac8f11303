import assert from "node:assert/strict";
import { qemuFirst } from "./qemu_failure.ts";

const ARGUMENTS = "forklimits limit=memlock:unlimited:unlimited fd=3 fd=4 -- " +
  "/usr/bin/qemu-system-x86_64 -S -name left-vm -uuid 6a4b8d2e -daemonize -cpu host,migratable=no -nographic " +
  "-serial chardev:console -nodefaults -no-user-config -sandbox on,obsolete=deny,spawn=allow -readconfig " +
  "/run/incus/left_left-vm/qemu.conf -spice unix=on,disable-ticketing=on,addr=/run/incus/left_left-vm/qemu.spice " +
  "-pidfile /run/incus/left_left-vm/qemu.pid -D /var/log/incus/left_left-vm/qemu.log -smbios type=2,manufacturer=LinuxContainers";

Deno.test("qemuFirst() says QEMU's own sentence, and not how it was called", () => {
  const said = "qemu-system-x86_64: There is no option group 'spice'";
  assert.equal(
    qemuFirst(`Failed to run: ${ARGUMENTS}: ${said}\n: Process exited with non-zero value 1`),
    `${said} (Process exited with non-zero value 1)`,
  );
});

Deno.test("qemuFirst() says it where QEMU said nothing", () => {
  assert.equal(
    qemuFirst(`Failed to run: ${ARGUMENTS}: : Process exited with non-zero value 1`),
    "QEMU said nothing (Process exited with non-zero value 1)",
  );
});

Deno.test("qemuFirst() keeps several lines of QEMU's, and colons in them", () => {
  const said =
    "qemu-system-x86_64: -device vfio-pci,host=0000:01:00.0: vfio 0000:01:00.0: no such device\nTry again";
  assert.equal(
    qemuFirst(`Failed to run: ${ARGUMENTS}: ${said}\n: exit status 1`),
    `${said} (exit status 1)`,
  );
});

Deno.test("qemuFirst() leaves other words alone", () => {
  for (
    const words of [
      "Failed to run: /usr/libexec/incus/incusd forkstart left-a /var/lib/incus/containers: exit status 1",
      "Failed to run: nft -f -: exit status 1 (Error: No such file)",
      'Instance is busy running a "stop" operation',
    ]
  ) assert.equal(qemuFirst(words), words);
});

/** `scripts/fresh` leaves nothing behind in any case. */
import assert from "node:assert/strict";
import { FreshMachine } from "./_fresh.ts";

/**
 * All that could stay: a process that left its session, a mount on a loop device, another without,
 * a cgroup.
 */
const BUSY = `
one=/var/tmp/one-${Deno.pid}.img two=/root/two-${Deno.pid}.img
set -euo pipefail
truncate -s 64M "$one" "$two"
mkfs.ext4 -q "$one"
mount -o loop "$one" /mnt
losetup --find "$two"
mkdir -p /sys/fs/cgroup/*/init.scope/inner
setsid sleep 1000 &
echo "busy $(losetup --noheadings --list --output NAME,BACK-FILE | grep -cE "$one|$two")"
sleep 1000
`;

for (const signal of ["SIGINT", "SIGTERM", "SIGKILL"] as const) {
  Deno.test(`a fresh machine whose script gets ${signal} leaves nothing behind`, async () => {
    const machine = FreshMachine.start("bookworm", "--", "bash", "-c", BUSY);
    await machine.untilSaid("busy 2");
    assert.equal(loopDevices().length, 2);
    machine.child.kill(signal);
    const { code } = await machine.end();
    assert.equal(code, signal === "SIGKILL" ? 137 : 130);
    await machine.expectNothingLeft();
    assert.deepEqual(loopDevices(), []);
  });
}

/** Returns the loop devices of the machine, as seen from outside. */
function loopDevices(): string[] {
  const { stdout } = new Deno.Command("losetup", { args: ["--list", "--noheadings"] }).outputSync();
  return new TextDecoder().decode(stdout).split("\n").filter((line) =>
    line.includes(`-${Deno.pid}.img`)
  );
}

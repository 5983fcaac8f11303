/** The README's first command, on fresh machines: it finishes, and its results can be removed. */
import assert from "node:assert/strict";
import { onFreshMachine } from "./_fresh.ts";

/**
 * Prints the state of a machine, before and after. Mounts of the package manager and the like would
 * show too; files below /usr and /etc are those of packages.
 */
const QUICKSTART = String.raw`
set -euo pipefail
state() {
  # Whoever was left alone belongs to the first process.
  sed -n 's/^\([0-9]*\) (\(.*\)) . 1 .*/process \1 \2/p' /proc/[0-9]*/stat 2>/dev/null || true
  cut -d' ' -f2-3 /proc/mounts | sed 's/^/mount /' | sort
  find /sys/fs/cgroup -mindepth 1 -type d | sed 's/^/cgroup /' | sort
  ls /sys/class/net | sed 's/^/interface /'
  ls -A /tmp /var/tmp /dev/shm /etc/anklume /usr/sbin/policy-rc.d 2>&1 || true
  cat /proc/sys/fs/inotify/max_user_instances
}
state >/run/before
./scripts/quickstart
./scripts/testbed stop
state >/run/after
diff /run/before /run/after
[[ -z $(nft list tables | grep anklume) ]]
echo "and nothing is left"
`;

for (const release of ["bookworm", "trixie"]) {
  Deno.test(`quickstart goes from nothing to proof on ${release}, and ends without a trace`, async () => {
    const { code, text } = await onFreshMachine(
      release,
      "--share-images",
      "--",
      "bash",
      "-c",
      QUICKSTART,
    );
    assert.equal(code, 0, text);
    assert.match(text, /^All as infra\.yml says: \d+ probes between 5 machines/m, text);
    assert.match(text, /^Everything in [\d.]+ s\./m, text);
    assert.match(text, /^and nothing is left$/m, text);
  });
}

/**
 * True if the only complaint of Incus about a profile's update is that running virtual machines use
 * it after their next start (`Update()` in `driver_qemu.go`). The profile is saved then.
 */
export function isLaterInVms(message: string): boolean {
  const [title = "", ...failures] = message.trim().split("\n");
  return /failed to update \(profile change still saved\):$/.test(title) && failures.length > 0 &&
    failures.every((line) => LATER.test(line));
}

const LATER =
  /: (?:Key "[^"]+" cannot be updated when VM is running|Cannot (?:update key "[^"]+" when using CPU pinning|change (?:to )?CPU pinning)|Failed updating memory limit: Cannot )/;

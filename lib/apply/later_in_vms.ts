/**
 * Whether all that Incus has to say of a profile's update is that virtual machines which run take it when they start (`Update()` in
 * `driver_qemu.go`): the profile is saved.
 */
export function isLaterInVms(message: string): boolean {
  const [title = "", ...failures] = message.trim().split("\n");
  return /failed to update \(profile change still saved\):$/.test(title) && failures.length > 0 &&
    failures.every((line) => LATER.test(line));
}

const LATER =
  /: (?:Key "[^"]+" cannot be updated when VM is running|Cannot (?:update key "[^"]+" when using CPU pinning|change (?:to )?CPU pinning)|Failed updating memory limit: Cannot )/;

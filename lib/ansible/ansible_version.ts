/** The oldest Ansible that anklume works with. */
export const OLDEST_ANSIBLE: readonly [number, number] = [2, 16];

/**
 * Returns the version, such as `2.19.14`, from the output of `ansible-playbook --version`;
 * undefined if the output has none.
 */
export function ansibleVersion(output: string): string | undefined {
  return /^ansible-playbook (?:\[core )?(\d+\.\d+[\w.]*)/m.exec(output)?.[1];
}

/** True if a version is below the oldest one that works. */
export function isOlder(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_ANSIBLE;
  return major < oldestMajor || (major === oldestMajor && minor < oldestMinor);
}

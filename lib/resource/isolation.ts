/**
 * Whether a key of a machine or profile can open a door in the isolation: such keys are ours whoever set them.
 * `security.protection.*` guards data, not doors; who protects a machine by hand keeps it protected.
 */
export function bearsOnIsolation(key: string): boolean {
  return (key.startsWith("security.") && !key.startsWith("security.protection.")) ||
    key.startsWith("raw.");
}

import type { StringMap } from "../infra/infra.ts";
import type { Managed } from "./mark.ts";
import { parseBoolean } from "./value.ts";

/**
 * Whether a key of a machine or profile can open a door in the isolation: such keys are ours whoever set them.
 * `security.protection.*` guards data, not doors; who protects a machine by hand keeps it protected.
 */
export function bearsOnIsolation(key: string): boolean {
  return (key.startsWith("security.") && !key.startsWith("security.protection.")) ||
    key.startsWith("raw.");
}

/** Such a key that somebody else set: neither declared now nor by an earlier `infra.yml`. */
export function isForeignDoor(key: string, desired: StringMap, managed: Managed): boolean {
  return bearsOnIsolation(key) && !Object.hasOwn(desired, key) && !managed.config.includes(key);
}

/** What gives a container more power over the host when it is switched on. */
const LOOSENS = /^security\.(privileged|nesting|syscalls\.intercept\.)/;

/**
 * Whether the live value of such a key is stricter than the declared one. One that is unset where `false` was declared is
 * not: a profile may say `true`.
 */
export function closesDoor(
  live: string | undefined,
  declared: string | undefined,
  key: string,
): boolean {
  if (!LOOSENS.test(key)) return false;
  return live === undefined ? parseBoolean(declared ?? "") === true : parseBoolean(live) === false;
}

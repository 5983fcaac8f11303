import { configBypass, deviceBypass } from "../infra/check/bypass.ts";
import type { StringMap } from "../infra/infra.ts";
import type { Managed } from "./managed.ts";
import { isKeyAsWritten } from "./seal.ts";
import { parseBoolean } from "./value.ts";

/**
 * Whether a key of a machine or profile can open a door in the isolation, with the value that it has: such keys are ours whoever
 * set them. `security.protection.*` guards data, not doors; who protects a machine by hand keeps it protected.
 */
export function bearsOnIsolation(key: string, value: string, type: "lxc" | "vm" = "lxc"): boolean {
  return (key.startsWith("security.") && !key.startsWith("security.protection.")) ||
    configBypass(key, value, type) !== undefined;
}

/** The same, unless it takes power away: who does that by hand opens nothing. */
export function mayOpen(key: string, value: string, type: "lxc" | "vm" = "lxc"): boolean {
  return bearsOnIsolation(key, value, type) && !closesDoor(value, undefined, key);
}

/** Whether it matters that a key still has the value that anklume gave it. */
export function isSealed(key: string): boolean {
  return !/^(?:user|environment|cloud-init)\./.test(key);
}

/** Such a key that somebody else set, or set otherwise than anklume had written it. */
export function isForeignDoor(
  key: string,
  desired: StringMap,
  live: StringMap,
  managed: Managed,
  type: "lxc" | "vm" = "lxc",
): boolean {
  const value = live[key] ?? "";
  if (value === "" || !mayOpen(key, value, type)) return false;
  if (!Object.hasOwn(desired, key) && !managed.config.includes(key)) return true;
  return isKeyAsWritten(key, value, managed) === false;
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

/**
 * Why a device that `infra.yml` does not declare is a door; undefined: it is known to be none. Stricter than what
 * `infra.yml` may declare: nothing of the host hangs in a machine unless it was said aloud.
 */
export function strayDevice(
  name: string,
  device: StringMap,
): string | undefined {
  const { type, source, pool } = device;
  if (type === "nic") return "it leads where the firewall does not look";
  // The settings that a virtual machine reads.
  if (type === "disk" && !pool && /^(?:agent|cloud-init):config$/.test(source ?? "")) return;
  const reason = deviceBypass(name, device, NO_PLACE);
  if (reason !== undefined || type === "disk" || type === "none") return reason;
  return "it gives the machine something of the host";
}

/** A NIC is judged before. */
const NO_PLACE = { bridge: "", inProfile: false };

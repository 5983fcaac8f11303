import { configBypass, deviceBypass } from "../infra/check/bypass.ts";
import type { StringMap } from "../infra/infra.ts";
import type { Managed } from "./managed.ts";
import { isKeyAsWritten } from "./seal.ts";
import { parseBoolean } from "./value.ts";

/**
 * True if a key of a machine or profile, with its value, may open the isolation. Such keys always
 * belong to anklume, whoever set them. `security.protection.*` protects data and not the isolation:
 * a protection that was set by hand stays.
 */
export function bearsOnIsolation(key: string, value: string, type: "lxc" | "vm" = "lxc"): boolean {
  return (key.startsWith("security.") && !key.startsWith("security.protection.")) ||
    configBypass(key, value, type) !== undefined;
}

/**
 * Like `bearsOnIsolation`, but false for a value that reduces power: setting it by hand opens
 * nothing.
 */
export function mayOpen(key: string, value: string, type: "lxc" | "vm" = "lxc"): boolean {
  return bearsOnIsolation(key, value, type) && !closesDoor(value, undefined, key);
}

/**
 * True if the value of a key is sealed: it matters whether it is still the one that anklume wrote.
 */
export function isSealed(key: string): boolean {
  return !/^(?:user|environment|cloud-init)\./.test(key);
}

/**
 * True if somebody else set a key that opens the isolation, or changed the value that anklume
 * wrote.
 */
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

/** Keys that give a container more power over the host when they are switched on. */
const LOOSENS = /^security\.(privileged|nesting|syscalls\.intercept\.)/;

/**
 * True if the live value of such a key is stricter than the declared one. An unset key is not
 * stricter than a declared `false`: a profile may set `true`.
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
 * Returns the reason why a device that `infra.yml` does not declare opens the isolation; undefined
 * if it is known to open nothing. This is stricter than for declared devices: a machine gets
 * nothing of the host without a declaration.
 */
export function strayDevice(
  name: string,
  device: StringMap,
): string | undefined {
  const { type, source, pool } = device;
  if (type === "nic") return "the firewall does not see where it leads";
  // The settings disk that a virtual machine reads.
  if (type === "disk" && !pool && /^(?:agent|cloud-init):config$/.test(source ?? "")) return;
  const reason = deviceBypass(name, device, NO_PLACE);
  if (reason !== undefined || type === "disk" || type === "none") return reason;
  return "it gives the machine access to something of the host";
}

/** Not used: a NIC returns above. */
const NO_PLACE = { bridge: "", inProfile: false };

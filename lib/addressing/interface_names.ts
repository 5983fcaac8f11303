import { digest, shortDigest } from "./digest.ts";

/** Linux's IFNAMSIZ minus the final NUL. */
const INTERFACE_NAME_LIMIT = 15;
/** Incus's own range of MAC addresses. */
const HWADDR_PREFIX = "10:66:6a";

/** True if `net-<domain>` fits into an interface name. */
export function isWholeBridgeName(domain: string): boolean {
  return domain.length <= INTERFACE_NAME_LIMIT - "net-".length;
}

/**
 * Returns the name of a domain's bridge. This name, like the others below, is derived from what it
 * stands for, so a lost lock yields it again. `taken` contains the used names and gets the result.
 * In the rare case of a collision, the name is hashed again.
 */
export function bridgeName(domain: string, taken: Set<string>): string {
  const whole = `net-${domain}`;
  if (isWholeBridgeName(domain) && !taken.has(whole)) return claim(whole, taken);
  return firstFree(
    (attempt) => `net-${domain.slice(0, 5)}-${shortDigest(5, "bridge", domain, attempt)}`,
    taken,
  );
}

/**
 * Returns a MAC address: 24 bits after Incus's prefix. Among 5,000 machines a collision is more
 * likely than not.
 */
export function hardwareAddress(infraId: string, machine: string, taken: Set<string>): string {
  return firstFree((attempt) => {
    const bytes = digest("hwaddr", infraId, machine, attempt).subarray(0, 3);
    return [HWADDR_PREFIX, ...[...bytes].map((byte) => byte.toString(16).padStart(2, "0"))].join(
      ":",
    );
  }, taken);
}

/**
 * Returns `ak` and 50 bits, so two infras on one host never use the same port. It does not contain
 * the machine's name: 15 characters cannot hold a name and enough bits, and systemd-networkd would
 * manage the port of a machine called `ve` (`ve-*`).
 */
export function portName(infraId: string, machine: string, taken: Set<string>): string {
  return firstFree(
    (attempt) => `ak${shortDigest(10, "port", infraId, machine, attempt)}`,
    taken,
  );
}

function firstFree(candidate: (attempt: string) => string, taken: Set<string>): string {
  let attempt = 0;
  let name = candidate(String(attempt));
  while (taken.has(name)) name = candidate(String(++attempt));
  return claim(name, taken);
}

function claim(name: string, taken: Set<string>): string {
  taken.add(name);
  return name;
}

import { digest, shortDigest } from "./digest.ts";

/** Linux's IFNAMSIZ less its NUL. */
export const INTERFACE_NAME_LIMIT = 15;
/** Incus's own range of MAC addresses. */
const HWADDR_PREFIX = "10:66:6a";

/** Whether `net-<domain>` fits an interface's name. */
export function isWholeBridgeName(domain: string): boolean {
  return domain.length <= INTERFACE_NAME_LIMIT - "net-".length;
}

/**
 * Names that are derived from what they stand for, so that a lost lock yields them again. `taken` holds what others
 * have and gains the result; the rare collision is resolved by hashing again.
 */
export function bridgeName(domain: string, taken: Set<string>): string {
  const whole = `net-${domain}`;
  if (isWholeBridgeName(domain) && !taken.has(whole)) return claim(whole, taken);
  return firstFree(
    (attempt) => `net-${domain.slice(0, 5)}-${shortDigest(5, "bridge", domain, attempt)}`,
    taken,
  );
}

/** 24 bits below Incus's prefix: among 5,000 machines a collision is likelier than not. */
export function hardwareAddress(infraId: string, machine: string, taken: Set<string>): string {
  return firstFree((attempt) => {
    const bytes = digest("hwaddr", infraId, machine, attempt).subarray(0, 3);
    return [HWADDR_PREFIX, ...[...bytes].map((byte) => byte.toString(16).padStart(2, "0"))].join(
      ":",
    );
  }, taken);
}

/**
 * `ak` and 50 bits: two infras on one host never meet. It does not carry the machine's name: 15 characters cannot hold
 * a name and enough bits, and a machine called `ve` would get a port that systemd-networkd takes for its own (`ve-*`).
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

/** Keys that a running container takes over at once; Incus's own `liveupdate` notes say less than it does. */
const LIVE = [
  "boot.",
  "cloud-init.",
  "cluster.",
  "environment.",
  "limits.",
  "migration.",
  "security.guestapi",
  "security.nesting",
  "security.protection.",
  "snapshots.",
  "user.",
];
const NOT_LIVE = ["limits.kernel."];

/** Of a VM Incus refuses any other key while it runs. */
const LIVE_VM = [
  "boot.",
  "cloud-init.",
  "cluster.",
  "security.guestapi",
  "security.protection.",
  "snapshots.",
  "user.",
];

/**
 * Whether a config key can be changed while the machine runs. `cloud-init.*` counts: it is read once in a machine's
 * life, so a restart would change nothing.
 */
export function isLiveKey(key: string, type: "lxc" | "vm"): boolean {
  const startsWith = (prefix: string) => key.startsWith(prefix);
  if (type === "vm") return LIVE_VM.some(startsWith);
  return LIVE.some(startsWith) && !NOT_LIVE.some(startsWith);
}

import { parseSize } from "./value.ts";

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

/** Of a VM Incus refuses any other key while it runs (`Update()` in `driver_qemu.go`). */
const LIVE_VM = [
  "boot.",
  "cloud-init.",
  "cluster.evacuate",
  "environment.",
  "security.agent.metrics",
  "security.guestapi",
  "security.protection.delete",
  "snapshots.",
  "user.",
];

/** A key with the values that it has and is to have; undefined: none that is known. */
export interface KeyChange {
  readonly key: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/**
 * Whether a config key can be changed while the machine runs. `cloud-init.*` counts: it is read once in a machine's
 * life, so a restart would change nothing.
 */
export function isLiveKey({ key, before, after }: KeyChange, type: "lxc" | "vm"): boolean {
  const startsWith = (prefix: string) => key.startsWith(prefix);
  if (type === "lxc") return LIVE.some(startsWith) && !NOT_LIVE.some(startsWith);
  if (key === "limits.cpu") {
    return [before ?? "1", after ?? ""].every((count) => /^[1-9]\d*$/.test(count));
  }
  if (key === "limits.memory") return isSmaller(before ?? VM_MEMORY, after);
  return LIVE_VM.some(startsWith);
}

/** What a VM has where nobody says. */
const VM_MEMORY = "1GiB";

/** A running VM can give memory back, and gets no more than it was started with. */
function isSmaller(before: string, after: string | undefined): boolean {
  const [had, has] = [parseSize(before), parseSize(after ?? "")];
  return had !== undefined && has !== undefined && has < had;
}

import { parseSize } from "./value.ts";

/**
 * Keys that a running container takes over at once. Incus's own `liveupdate` notes list fewer than
 * it supports.
 */
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

/** For a running VM, Incus refuses all other keys (`Update()` in `driver_qemu.go`). */
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

/** A key with its present and its desired value. Undefined: there is no known value. */
interface KeyChange {
  readonly key: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/**
 * True if a config key can be changed while the machine runs. `cloud-init.*` is included: it is
 * read only once in a machine's life, so a restart would have no effect.
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

/** Incus's default for a VM. */
const VM_MEMORY = "1GiB";

/**
 * True if the memory becomes smaller. A running VM can give memory back but cannot get more than it
 * had at its start.
 */
function isSmaller(before: string, after: string | undefined): boolean {
  const [had, has] = [parseSize(before), parseSize(after ?? "")];
  return had !== undefined && has !== undefined && has < had;
}

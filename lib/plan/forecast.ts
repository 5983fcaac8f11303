import type { Diagnostic } from "../diag/diagnostic.ts";
import { formatAddr } from "../resource/address.ts";
import type { DesiredInstance } from "../resource/instance.ts";
import { parseSize } from "../resource/value.ts";
import { type ActualState, indexResources } from "./actual_state.ts";
import type { DesiredState } from "./desired_state.ts";

/** Problems to expect because the host is too small: warnings that name the setting to change. */
interface Forecast {
  readonly diagnostics: readonly Diagnostic[];
  /** True if machines may die after a start that Incus reports as successful. */
  readonly watchStarts: boolean;
}

/**
 * Measured with a minimal Debian container: of 20, with the default limit of 128, 14 to 17 survive.
 */
const INOTIFY_PER_CONTAINER = 8;
/**
 * A minimal Debian container holds 17 keys but also works with fewer: 20 ran with the default limit
 * of 200.
 */
const KEYS_PER_CONTAINER = 10;
/** Memory of a minimal container, and Incus's default for a VM without a limit. */
const CONTAINER_MEMORY = 40 * 1024 ** 2;
const VM_MEMORY = 1024 ** 3;

export function forecast(desired: DesiredState, actual: ActualState): Forecast {
  const machines = desired.resources.filter((resource): resource is DesiredInstance =>
    resource.kind === "instance"
  );
  const kernel = kernelLimits(machines, actual);
  return {
    diagnostics: [
      ...memory(machines, actual),
      ...poolSpace(desired, actual),
      ...virtualMachines(machines, actual),
      ...kernel.diagnostics,
    ],
    watchStarts: kernel.watchStarts,
  };
}

/**
 * All unprivileged containers share one user of the host, and so share its limits. If the limit of
 * inotify would be exceeded, the plan is refused: it would be random which machines die, and one
 * command raises the limit. Without enough keys the machines survive, so that is a warning.
 */
function kernelLimits(machines: readonly DesiredInstance[], actual: ActualState): Forecast {
  const running = new Set(
    actual.resources.flatMap((resource) =>
      resource.kind === "instance" && resource.type === "lxc" && resource.status === "Running"
        ? [formatAddr(resource.addr)]
        : []
    ),
  );
  const before = running.size;
  for (const machine of machines) {
    const name = formatAddr(machine.addr);
    if (machine.type === "lxc" && machine.state === "running") running.add(name);
    if (machine.state === "stopped") running.delete(name);
  }
  const count = running.size;
  const diagnostics: Diagnostic[] = [];
  const limits = actual.limits ?? {};
  const check = (
    key: string,
    code: string,
    limit: number | undefined,
    per: number,
    deadly: boolean,
  ) => {
    if (limit === undefined || count * per <= limit) return;
    // If the running containers already exceed the estimate, these machines need less than
    // estimated.
    const refused = deadly && count > before && before * per <= limit;
    diagnostics.push({
      severity: refused ? "error" : "warning",
      code,
      summary: `${count} running containers need about ${count * per} of ${key}, it is ${limit}`,
      detail: "Containers above this limit die within seconds, although Incus says they started.",
      remedy: `sysctl -w ${key}=${roundUp(count * per * 2)}, and the same line in /etc/sysctl.d/`,
    });
  };
  check(
    "fs.inotify.max_user_instances",
    "INOTIFY_LIMIT",
    limits.inotifyInstances,
    INOTIFY_PER_CONTAINER,
    true,
  );
  check("kernel.keys.maxkeys", "KEYS_LIMIT", limits.keys, KEYS_PER_CONTAINER, false);
  const known = limits.inotifyInstances !== undefined && limits.keys !== undefined;
  return { diagnostics, watchStarts: diagnostics.length > 0 || (!known && count > 8) };
}

/** Returns the next power of two, as is usual for sysctl values. */
function roundUp(value: number): number {
  return 2 ** Math.ceil(Math.log2(value));
}

function memory(machines: readonly DesiredInstance[], actual: ActualState): Diagnostic[] {
  const total = actual.hardware?.memory;
  if (total === undefined) return [];
  const needed = machines
    .filter((machine) => machine.state === "running")
    .reduce((sum, machine) => sum + memoryOf(machine), 0);
  if (needed <= total) return [];
  return [{
    severity: "warning",
    code: "HOST_MEMORY",
    summary: `the machines may use ${gib(needed)} of memory together, the host has ${gib(total)}`,
    detail: "Limits are upper bounds: all of them at once would not fit.",
    remedy: "lower `limits.memory`, or declare some machines `state: manual`",
  }];
}

function memoryOf(machine: DesiredInstance): number {
  const limit = parseSize(machine.config["limits.memory"] ?? "");
  return limit ?? (machine.type === "vm" ? VM_MEMORY : CONTAINER_MEMORY);
}

/**
 * Warns if the declared sizes of new disks exceed the free space. This is not an error, because
 * pools allocate space on demand.
 */
function poolSpace(desired: DesiredState, actual: ActualState): Diagnostic[] {
  const live = indexResources(actual);
  const needed = new Map<string, number>();
  const add = (pool: string | undefined, size: string | undefined) => {
    const bytes = parseSize(size ?? "");
    if (pool !== undefined && bytes !== undefined) {
      needed.set(pool, (needed.get(pool) ?? 0) + bytes);
    }
  };
  for (const resource of desired.resources) {
    if (live.has(formatAddr(resource.addr))) continue;
    if (resource.kind === "volume") add(resource.addr.pool, resource.config.size);
    if (resource.kind === "instance") {
      for (const device of Object.values(resource.devices)) add(device.pool, device.size);
    }
  }
  return actual.pools.flatMap((pool) => {
    const bytes = needed.get(pool.name) ?? 0;
    if (pool.free === undefined || bytes <= pool.free) return [];
    return [
      {
        severity: "warning",
        code: "POOL_SPACE",
        summary: `new disks on pool "${pool.name}" may grow to ${gib(bytes)}, ${
          gib(pool.free)
        } are free`,
        remedy: `enlarge the pool (incus storage set ${pool.name} size=…), or declare less`,
      } satisfies Diagnostic,
    ];
  });
}

function virtualMachines(machines: readonly DesiredInstance[], actual: ActualState): Diagnostic[] {
  if (actual.server.vms) return [];
  return machines.filter((machine) => machine.type === "vm").map((machine) => ({
    severity: "warning",
    code: "NO_VM_SUPPORT",
    summary: `this host cannot run virtual machines: ${machine.addr.name} will fail`,
    // Incus gives QEMU five seconds to answer at its start. On a busy host this was seen to be too
    // short.
    remedy:
      "see the warnings of Incus (incus warning list): KVM and vhost_vsock are needed; where " +
      "QEMU failed to run feature checks, `systemctl restart incus` asks it again",
    range: machine.range,
  }));
}

function gib(bytes: number): string {
  return `${(bytes / 1024 ** 3).toFixed(1)} GiB`;
}

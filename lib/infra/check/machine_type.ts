import type { StringMap } from "../infra.ts";
import { shortenName } from "../words.ts";

/** The type of a machine. Containers and virtual machines can have different keys and devices. */
export type MachineType = "lxc" | "vm";

/** The name of each type in messages. */
export const TYPE_NAMES: Readonly<Record<MachineType, string>> = {
  lxc: "a container",
  vm: "a virtual machine",
};

/**
 * Keys that Incus 6.0 to 7.3 has for only one type (`InstanceConfigKeysContainer` and
 * `InstanceConfigKeysVM` in `internal/instance/config.go`; `condition` in
 * `GET /1.0/metadata/configuration`).
 */
const CONTAINER_KEY = whole(
  /limits\.(?:cpu\.(?:allowance|priority)|(?:hugepages|kernel)\..+|memory\.(?:enforce|swap(?:\.priority)?)|processes)/,
  /linux\..+|migration\.incremental\..+|nvidia\..+|oci\..+|raw\.(?:lxc|seccomp)/,
  /security\.(?:(?:bpffs|idmap|syscalls)\..+|guestapi\.images|privileged|protection\.shift)/,
);
const VM_KEY = whole(
  /agent\..+|initial\.(?:nvram(?:-binary)?|secureboot)\..+|limits\.memory\.(?:hotplug|hugepages)|raw\.qemu(?:\..+)?|smbios11\..+/,
  /security\.(?:agent\..+|csm|iommu|secureboot|sev(?:\..+)?)/,
);

function whole(...keys: readonly RegExp[]): RegExp {
  return new RegExp(`^(?:${keys.map(({ source }) => source).join("|")})$`);
}

/** Returns the only type that has this key; undefined if both have it or it is unknown. */
export function typeOfKey(key: string): MachineType | undefined {
  if (CONTAINER_KEY.test(key)) return "lxc";
  return VM_KEY.test(key) ? "vm" : undefined;
}

/**
 * True if Incus refuses this key, which belongs to the other type, in the machine's own config.
 * Incus lets a virtual machine have most keys of a container (not `limits.kernel.*`, which it
 * checks once more), without any effect. It refuses none of them in a profile, because both types
 * can use a profile.
 */
export function isRefusedKey(key: string, type: MachineType): boolean {
  return type === "lxc" || key.startsWith("limits.kernel.");
}

/**
 * Returns the reason why Incus refuses a device for a machine of this type, as the end of a
 * sentence; undefined if it does not. When a machine is created, Incus checks the devices of its
 * profiles like its own.
 */
export function deviceRefusal(device: StringMap, type: MachineType): string | undefined {
  const kind = device.type === "gpu"
    ? device.gputype ?? "physical"
    : device.type === "nic"
    ? device.nictype ?? "bridged"
    : undefined;
  const name = kind === undefined ? `${device.type}` : `${device.type} (${shortenName(kind)})`;
  const only = KINDS[name];
  if (only !== undefined && only !== type) {
    return `a device of the type ${name} is only for ${TYPE_NAMES[only]}`;
  }
  for (const [key, value] of Object.entries(device)) {
    if (value === "") continue;
    const only = KEYS[`${name}: ${key}`] ?? KEYS[`${device.type}: ${key}`];
    if (only !== undefined && only !== type) return `\`${key}\` is only for ${TYPE_NAMES[only]}`;
  }
  return otherRefusal(device, type);
}

/** Source: `instanceSupported()` in `internal/server/device`. */
const KINDS: Readonly<Record<string, MachineType>> = {
  "gpu (mdev)": "vm",
  "gpu (mig)": "lxc",
  "gpu (native-context)": "vm",
  "gpu (sriov)": "vm",
  "nic (ipvlan)": "lxc",
  pci: "vm",
  "unix-block": "lxc",
  "unix-char": "lxc",
  "unix-hotplug": "lxc",
};

/** Source: `validateConfig()` in the same directory. */
const KEYS: Readonly<Record<string, MachineType>> = {
  "disk: io.bus": "vm",
  "disk: io.cache": "vm",
  "disk: wwn": "vm",
  "gpu (physical): gid": "lxc",
  "gpu (physical): mode": "lxc",
  "gpu (physical): uid": "lxc",
  "nic: connected": "vm",
  "nic: io.bus": "vm",
};

function otherRefusal(device: StringMap, type: MachineType): string | undefined {
  const { source = "" } = device;
  if (device.type === "disk") {
    if (type === "vm" && /^tmpfs(?:-overlay)?:$/.test(source)) {
      return `\`source: ${source}\` is only for a container`;
    }
    if (type === "lxc" && /^(?:agent|cloud-init):config$/.test(source)) {
      return `\`source: ${source}\` is only for a virtual machine`;
    }
  }
  if (device.type === "proxy" && type === "vm" && !/^(?:true|1|yes|on)$/i.test(device.nat ?? "")) {
    return "a proxy of a virtual machine must have `nat: true`";
  }
  if (device.type === "tpm" && type === "lxc" && !(device.path && device.pathrm)) {
    return "a TPM of a container must have `path` and `pathrm`";
  }
  return undefined;
}

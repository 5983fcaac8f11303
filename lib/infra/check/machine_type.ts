import type { StringMap } from "../infra.ts";
import { shortenName } from "../words.ts";

/** Containers and virtual machines are not given the same keys and devices. */
export type MachineType = "lxc" | "vm";

/** What a machine of a type is called. */
export const TYPE_NAMES: Readonly<Record<MachineType, string>> = {
  lxc: "a container",
  vm: "a virtual machine",
};

/**
 * Keys that Incus 6.0 to 7.3 has for one type alone (`InstanceConfigKeysContainer` and `InstanceConfigKeysVM` in
 * `internal/instance/config.go`; `condition` in `GET /1.0/metadata/configuration`).
 */
const CONTAINER_KEY = whole(
  /limits\.(?:cpu\.(?:allowance|priority)|(?:hugepages|kernel)\..+|memory\.(?:enforce|swap(?:\.priority)?)|processes)/,
  /linux\..+|migration\.incremental\..+|nvidia\..+|oci\..+|raw\.(?:lxc|seccomp)/,
  /security\.(?:(?:bpffs|idmap|syscalls)\..+|guestapi\.images|nesting|privileged|protection\.shift)/,
);
const VM_KEY = whole(
  /agent\..+|limits\.memory\.(?:hotplug|hugepages)|raw\.qemu(?:\..+)?|smbios11\..+/,
  /security\.(?:agent\..+|csm|iommu|secureboot|sev(?:\..+)?)/,
);

function whole(...keys: readonly RegExp[]): RegExp {
  return new RegExp(`^(?:${keys.map(({ source }) => source).join("|")})$`);
}

/** The type that alone has this key; undefined: both have it, or nobody knows it. */
export function typeOfKey(key: string): MachineType | undefined {
  if (CONTAINER_KEY.test(key)) return "lxc";
  return VM_KEY.test(key) ? "vm" : undefined;
}

/**
 * Whether Incus refuses a key that a machine of the other type has of its own. A virtual machine is mostly given what only a
 * container has (`limits.kernel.*` is looked at once more), and nothing comes of it. Of profiles, which may be for both, it
 * refuses none.
 */
export function isRefusedKey(key: string, type: MachineType): boolean {
  return type === "lxc" || key.startsWith("limits.kernel.");
}

/**
 * Why Incus refuses a device for a machine of this type, as a sentence's end; undefined: it does not. A profile's is judged
 * like the machine's own, when the machine is made.
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
    return `a device of the type ${name} is for ${TYPE_NAMES[only]} alone`;
  }
  for (const [key, value] of Object.entries(device)) {
    if (value === "") continue;
    const only = KEYS[`${name}: ${key}`] ?? KEYS[`${device.type}: ${key}`];
    if (only !== undefined && only !== type) return `\`${key}\` is for ${TYPE_NAMES[only]} alone`;
  }
  return otherRefusal(device, type);
}

/** `instanceSupported()` in `internal/server/device`. */
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

/** `validateConfig()` there. */
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
      return `\`source: ${source}\` is for a container alone`;
    }
    if (type === "lxc" && /^(?:agent|cloud-init):config$/.test(source)) {
      return `\`source: ${source}\` is for a virtual machine alone`;
    }
  }
  if (device.type === "proxy" && type === "vm" && !/^(?:true|1|yes|on)$/i.test(device.nat ?? "")) {
    return "a proxy of a virtual machine has to have `nat: true`";
  }
  if (device.type === "tpm" && type === "lxc" && !(device.path && device.pathrm)) {
    return "a TPM of a container has to have `path` and `pathrm`";
  }
  return undefined;
}

import type { StringMap } from "../infra.ts";
import {
  isHarmlessCharDevice,
  JUDGED_DEVICES,
  type JudgedDevice,
  MEMORY_DISK,
  OPEN_DEVICES,
  ROOT_DISK,
  VOLUME_DISK,
} from "./judged_devices.ts";
import { judgedKey } from "./judged_keys.ts";
import { normalizePath } from "./normalize_path.ts";
import { shortenName } from "../words.ts";

/** Keys of `eth0` that change neither its network nor the addresses that it can use. */
const HARMLESS_NIC_KEY =
  /^(?:type|network|name|mtu|attached|connected|boot\.priority|io\.bus|limits\.(?:ingress|egress|max|priority)|queue\.tx\.length|security\.port_isolation)$/;
const NIC_FILTER = /^security\.(?:mac|ipv4|ipv6)_filtering$/;

interface DevicePlace {
  /**
   * The domain's own bridge. anklume adds its filters to the NIC `eth0` on it; a machine can tune
   * that NIC and nothing else.
   */
  readonly bridge: string;
  /**
   * True for a device of a profile. An `eth0` there would be separate from anklume's and not add to
   * it.
   */
  readonly inProfile: boolean;
}

/**
 * Returns the reason why a device, as in infra.yml or in Incus, bypasses the isolation; undefined
 * if it is known not to. Only types, keys and values that were checked by hand are accepted. Pure.
 * As in Incus, an empty value counts as absent.
 */
export function deviceBypass(
  name: string,
  device: StringMap,
  { bridge, inProfile }: DevicePlace,
): string | undefined {
  const said = withoutEmpty(device);
  const type = said.type ?? "";
  if (type === "nic") return nicBypass(name, said, bridge, inProfile);
  const open = Object.hasOwn(OPEN_DEVICES, type) ? OPEN_DEVICES[type] : undefined;
  if (open !== undefined) return open;
  if (name === "eth0") {
    return type === "none"
      ? "it removes the NIC that the firewall knows"
      : "it replaces the NIC that the firewall knows";
  }
  if (type === "disk") return diskBypass(said);
  const judged = Object.hasOwn(JUDGED_DEVICES, type) ? JUDGED_DEVICES[type] : undefined;
  if (judged === undefined) return "anklume does not know what a device of this type opens";
  return (type === "unix-char" ? charBypass(said) : undefined) ?? unjudgedKey(said, judged);
}

/**
 * Returns the reason why a config key with this value weakens, or may weaken, the confinement of a
 * machine; undefined if it is known not to. Pure. As in Incus, an empty value counts as absent. A
 * key that only affects containers does not matter for a virtual machine.
 */
export function configBypass(
  key: string,
  value: string,
  type: "lxc" | "vm" = "lxc",
): string | undefined {
  if (value === "") return undefined;
  const judged = judgedKey(key);
  if (judged === undefined) return "anklume does not know its effect on the isolation";
  if (judged.harmless?.test(value)) return undefined;
  if (judged.only !== undefined && judged.only !== type) return undefined;
  return `it ${judged.otherwise}`;
}

/** Incus drops empty values first. */
function withoutEmpty(device: StringMap): StringMap {
  if (Object.values(device).every((value) => value !== "")) return device;
  return Object.fromEntries(Object.entries(device).filter(([, value]) => value !== ""));
}

function unjudgedKey(device: StringMap, { keys, needs, otherwise }: JudgedDevice) {
  for (const [key, value] of Object.entries(device)) {
    if (key === "type" || (key.startsWith("user.") && key.length > "user.".length)) continue;
    const values = Object.hasOwn(keys, key) ? keys[key] : undefined;
    if (values === undefined) return `anklume does not know what \`${shortenName(key)}\` opens`;
    if (!values.test(value)) {
      return `anklume does not know what \`${shortenName(`${key}: ${value}`)}\` opens`;
    }
  }
  return needs?.some((key) => device[key] === undefined) ? otherwise : undefined;
}

function nicBypass(
  name: string,
  nic: StringMap,
  bridge: string,
  inProfile: boolean,
): string | undefined {
  const kind = nic.nictype;
  if (kind !== undefined && kind !== "bridged") {
    return `a NIC of the kind \`${shortenName(kind)}\` leaves the domain's bridge`;
  }
  const elsewhere = [nic.network, nic.parent].find((target) =>
    target !== undefined && target !== bridge
  );
  if (elsewhere !== undefined) {
    return `it is a NIC on \`${shortenName(elsewhere)}\`, not on the domain's \`${bridge}\``;
  }
  if (name !== "eth0") return "the firewall knows only one NIC of a machine, `eth0`";
  if (inProfile) return "an `eth0` of a profile has none of anklume's filters";
  for (const [key, value] of Object.entries(nic)) {
    if (NIC_FILTER.test(key)) {
      if (value !== "true") {
        return `\`${key}: ${shortenName(value)}\` removes a filter from \`eth0\``;
      }
    } else if (!HARMLESS_NIC_KEY.test(key) && key !== "nictype" && key !== "parent") {
      return `\`${
        shortenName(key)
      }\` changes an \`eth0\` whose address and port the firewall relies on`;
    }
    if (/\p{Cc}/u.test(value)) return `\`${key}\` has a line break in it`;
  }
  return nic.name === undefined || nic.name === "eth0"
    ? undefined
    : "the machine's first NIC is called `eth0`";
}

function diskBypass(disk: StringMap): string | undefined {
  const { source, pool, path } = disk;
  if (source === undefined) {
    return path === undefined || path === "/"
      ? unjudgedKey(disk, ROOT_DISK)
      : "it has no `source`: only the root disk may omit it";
  }
  if (pool !== undefined) return unjudgedKey(disk, VOLUME_DISK);
  if (source === "tmpfs:") return unjudgedKey(disk, MEMORY_DISK);
  return source.startsWith("/")
    ? `it gives the machine \`${shortenName(normalizePath(source))}\` of the host`
    : `without a \`pool\` its source \`${shortenName(source)}\` is not a volume of the domain`;
}

function charBypass(device: StringMap): string | undefined {
  // Without a source, the path in the machine is also the path of the host's device.
  const path = device.source ?? device.path;
  const numbered = device.major !== undefined || device.minor !== undefined;
  if (path !== undefined && !numbered && isHarmlessCharDevice(path)) return undefined;
  return path === undefined || numbered
    ? "it gives the machine a device of the host by its number"
    : `it gives the machine \`${shortenName(normalizePath(path))}\` of the host`;
}

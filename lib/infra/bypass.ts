import type { StringMap } from "./infra.ts";

/** Keys of `eth0` that change neither where it leads nor who it may say it is. */
const HARMLESS_NIC_KEY =
  /^(?:type|network|name|mtu|boot\.priority|limits\.(?:ingress|egress|max|priority)|queue\.tx\.length|security\.port_isolation)$/;
const NIC_FILTER = /^security\.(?:mac|ipv4|ipv6)_filtering$/;

/** Character devices of the host that give a container no power over the host or over others. */
const HARMLESS_CHAR_DEVICE =
  /^\/dev\/(?:net\/tun|fuse|kvm|null|zero|full|random|urandom|rtc\d*|tty(?:USB|ACM)\d+|snd\/[\w-]+|video\d+|dri\/(?:card|renderD)\d+|kfd|dvb\/[\w/-]+|cec\d+)$/;

/** Directories of the host from which a machine could reach the host or other machines. */
const SENSITIVE_PATHS = [
  "/bin",
  "/boot",
  "/dev",
  "/etc",
  "/lib",
  "/lib32",
  "/lib64",
  "/proc",
  "/root",
  "/run",
  "/sbin",
  "/sys",
  "/usr",
  "/var/lib/containers",
  "/var/lib/docker",
  "/var/lib/incus",
  "/var/lib/libvirt",
  "/var/lib/lxc",
  "/var/lib/lxd",
  "/var/lib/systemd",
  "/var/run",
  "/var/snap",
  "/var/spool/cron",
];

/**
 * Why a device walks around the isolation; undefined when it does not. `bridge` is the domain's own, whose NIC
 * `eth0` anklume completes with its filters: a machine's `eth0` may tune it and nothing else. `inProfile`: such an
 * `eth0` would stand beside ours instead of completing it.
 */
export function deviceBypass(
  name: string,
  device: StringMap,
  { bridge, inProfile }: { readonly bridge: string; readonly inProfile: boolean },
): string | undefined {
  switch (device.type) {
    case "nic":
      return nicBypass(name, device, bridge, inProfile);
    case "none":
      return name === "eth0" ? "it takes away the NIC that the firewall knows" : undefined;
    case "infiniband":
      return "it gives the machine a network of the host";
    case "proxy":
      return "a proxy connects the machine with the host, past the firewall";
    case "disk":
      return eth0Taken(name) ?? diskBypass(device);
    case "unix-char":
      return eth0Taken(name) ?? charBypass(device);
    case "unix-block":
      return "it gives the machine a disk of the host";
    case "pci":
      return "it gives the machine hardware of the host, network cards included";
    case "usb":
    case "unix-hotplug":
      return device.vendorid !== undefined && device.productid !== undefined
        ? eth0Taken(name)
        : "without `vendorid` and `productid` it gives the machine every such device of the host";
    default:
      return eth0Taken(name);
  }
}

function eth0Taken(name: string): string | undefined {
  return name === "eth0" ? "it takes the place of the NIC that the firewall knows" : undefined;
}

function nicBypass(
  name: string,
  nic: StringMap,
  bridge: string,
  inProfile: boolean,
): string | undefined {
  const kind = nic.nictype;
  if (kind !== undefined && kind !== "bridged") {
    return `a NIC of the kind \`${kind}\` leaves the domain's bridge`;
  }
  const target = nic.network ?? nic.parent;
  if (target !== undefined && target !== bridge) {
    return `it is a NIC on \`${target}\`, not on the domain's \`${bridge}\``;
  }
  if (name !== "eth0") return "the firewall knows one NIC of a machine, and that is `eth0`";
  if (inProfile) return "an `eth0` of a profile has none of anklume's filters";
  for (const [key, value] of Object.entries(nic)) {
    if (NIC_FILTER.test(key)) {
      if (value !== "true") return `\`${key}: ${value}\` takes a filter off \`eth0\``;
    } else if (!HARMLESS_NIC_KEY.test(key) && key !== "nictype" && key !== "parent") {
      return `\`${key}\` changes an \`eth0\` whose address and port the firewall relies on`;
    }
  }
  return nic.name === undefined || nic.name === "eth0"
    ? undefined
    : "the machine's first NIC is called `eth0`";
}

function diskBypass(disk: StringMap): string | undefined {
  const { source } = disk;
  if (source === undefined || disk.pool !== undefined) return undefined;
  if (!source.startsWith("/")) return undefined;
  const path = normalizePath(source);
  if (/\.(?:sock|socket)$/.test(path)) return "it gives the machine a socket of the host";
  if (/\/\.(?:ssh|gnupg)(?:\/|$)/.test(path)) return "it gives the machine keys of the host";
  if (path === "/home" || /^\/home\/[^/]+$/.test(path)) {
    return `it gives the machine the whole of \`${path}\`, keys included`;
  }
  const touched = SENSITIVE_PATHS.find((sensitive) =>
    path === sensitive || path.startsWith(`${sensitive}/`) || sensitive.startsWith(`${path}/`) ||
    path === "/"
  );
  return touched === undefined ? undefined : `it gives the machine \`${path}\` of the host`;
}

function charBypass(device: StringMap): string | undefined {
  // Without a source the path in the machine is the device of the host.
  const path = device.source ?? device.path;
  const numbered = device.major !== undefined || device.minor !== undefined;
  if (path !== undefined && !numbered && HARMLESS_CHAR_DEVICE.test(normalizePath(path))) {
    return undefined;
  }
  return "it gives the machine a device of the host that reaches past the container";
}

/** Without `.`, `..` and doubled slashes; links cannot be seen from here. */
export function normalizePath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === "..") parts.pop();
    else parts.push(part);
  }
  return `/${parts.join("/")}`;
}

/** Why a config key walks around the isolation: `raw.*` can add NICs, disks and rights. */
export function configBypass(key: string): string | undefined {
  return key.startsWith("raw.")
    ? "`raw.` keys can add NICs, disks and rights past every check"
    : undefined;
}

import { optional } from "../diag/optional.ts";
import type { DomainAddress, MachineAddress } from "../addressing/addressing.ts";
import type { Domain, Machine, StringMap } from "../infra/infra.ts";
import { adminDevices, type AdminMounts } from "./admin_devices.ts";
import type { Devices } from "./delta.ts";

/** Returns every device of a machine: the user's, overridden by root, `eth0`, GPU and volumes. */
export function instanceDevices(
  domain: Domain,
  machine: Machine,
  storagePool: string,
  addresses: { readonly domain: DomainAddress; readonly machine: MachineAddress },
  admin?: AdminMounts,
): Devices {
  const eth0 = machine.bypassesIsolation.includes("eth0") && machine.devices.eth0 !== undefined
    ? machine.devices.eth0
    : { ...machine.devices.eth0, ...filteredNic(addresses.domain, addresses.machine) };
  return {
    ...machine.devices,
    ...rootDevice(domain, machine, storagePool),
    ...adminDevices(machine, admin),
    eth0,
    ...(machine.gpu ? { gpu: { type: "gpu", ...machine.devices.gpu } } : {}),
    ...Object.fromEntries(machine.storageVolumes.map((volume) => [
      volumeDeviceName(volume.key),
      { type: "disk", pool: volume.pool, source: volume.name, path: volume.path },
    ])),
  };
}

/** The prefix keeps a volume called `root` or `eth0` from replacing another device. */
export function volumeDeviceName(key: string): string {
  return `vol-${key}`;
}

/**
 * Returns the machine's NIC, with Incus's own filters as a second layer of protection.
 * `security.ipv6_filtering` is not set: without the module br_netfilter it prevents the machine
 * from starting, and anklume's bridge table has the same effect.
 */
function filteredNic(domain: DomainAddress, machine: MachineAddress): StringMap {
  return {
    type: "nic",
    name: "eth0",
    network: domain.bridge,
    hwaddr: machine.hwaddr,
    host_name: machine.hostName,
    "ipv4.address": machine.ip,
    "security.mac_filtering": "true",
    "security.ipv4_filtering": "true",
    ...optional({ "ipv6.address": machine.ipv6 }),
  };
}

/**
 * The root disk is a device of the machine, not of the profile `default`: Incus does not allow a
 * machine to change the pool or size of a profile's root disk. If a declared profile has a disk on
 * `/`, that disk is used.
 */
function rootDevice(domain: Domain, machine: Machine, storagePool: string): Devices {
  const own = Object.entries(machine.devices).find(([name, device]) =>
    name === "root" || device.path === "/"
  );
  const base = { type: "disk", path: "/", pool: storagePool };
  if (own !== undefined) return { [own[0]]: { ...base, ...own[1] } };
  const profiles = domain.profiles.filter((profile) => machine.profiles.includes(profile.name));
  const given = profiles.some((profile) =>
    Object.values(profile.devices).some((device) => device.type === "disk" && device.path === "/")
  );
  return given ? {} : { root: base };
}

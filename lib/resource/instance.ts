import type { DomainAddress, MachineAddress } from "../addressing/addressing.ts";
import type { SourceRange } from "../diag/diagnostic.ts";
import type { Instance, InstanceSource, InstancesPost } from "../incus/wire/instance.ts";
import type { Domain, ImageRef, Machine, StringMap } from "../infra/infra.ts";
import type { ResourceAddr } from "./address.ts";
import type { ActualBase, DesiredBase } from "./base.ts";
import { ADMIN_ROLE, type AdminMounts } from "./admin_devices.ts";
import type { Devices } from "./delta.ts";
import { instanceDevices } from "./instance_devices.ts";
import { isSealed } from "./isolation.ts";
import { MARK, type Owner } from "./mark.ts";
import { marksOf } from "./managed.ts";
import { scheduleConfig } from "./snapshot_schedule.ts";
import { optional } from "../diag/optional.ts";

/** A container or virtual machine. */
export interface DesiredInstance extends DesiredBase {
  readonly kind: "instance";
  /** The former name, from `renamed_from`. */
  readonly renamedFrom?: string;
  readonly type: "lxc" | "vm";
  readonly image: ImageRef;
  readonly imageRange: SourceRange;
  readonly devices: Devices;
  readonly profiles: readonly string[];
  readonly state: Machine["state"];
  /** True for `ephemeral: false`: only `--force` rebuilds or deletes it. */
  readonly protected: boolean;
  readonly gpu: boolean;
  /** Bridge, IPv4 address and port of its `eth0`. */
  readonly nic: { readonly bridge: string; readonly ip: string; readonly hostName: string };
}

export interface ActualInstance extends ActualBase {
  readonly kind: "instance";
  readonly type: "lxc" | "vm";
  /** `Running`, `Stopped`, `Frozen`, `Error`… */
  readonly status: string;
  readonly devices: Devices;
  /** Includes the config of its profiles. */
  readonly expandedConfig?: StringMap;
  readonly expandedDevices: Devices;
  readonly profiles: readonly string[];
  /** Incus deletes the instance when it stops. anklume never asks for that. */
  readonly deletedOnStop?: true;
  /** Names of the snapshots, oldest first; undefined if they were not read. */
  readonly snapshots?: readonly string[];
  /** Bytes used by its root disk; undefined if they were not read or Incus does not tell. */
  readonly diskBytes?: number;
}

export function instanceAddr(project: string, name: string): ResourceAddr {
  return { kind: "instance", name, project };
}

/**
 * Returns `images:debian/13` or `local:anklume-test`: one text for each image, however the user
 * wrote it.
 */
export function imageMark(image: ImageRef): string {
  return image.kind === "local" ? `local:${image.alias}` : `${image.remote}:${image.alias}`;
}

/** The data that a desired instance is made from, in addition to its machine. */
interface InstanceContext {
  readonly owner: Owner;
  readonly domain: Domain;
  readonly storagePool: string;
  readonly ipv6: boolean;
  /** True if the host has NVIDIA's driver. */
  readonly nvidia: boolean;
  readonly addresses: { readonly domain: DomainAddress; readonly machine: MachineAddress };
  /** The parts of the host that a machine with the role `admin` gets. */
  readonly admin?: AdminMounts | undefined;
}

export function desiredInstance(machine: Machine, context: InstanceContext): DesiredInstance {
  const { owner, domain, storagePool, addresses, admin } = context;
  const config = instanceConfig(machine, context);
  const devices = instanceDevices(domain, machine, storagePool, addresses, admin);
  return {
    kind: "instance",
    addr: instanceAddr(domain.name, machine.name),
    domain: domain.name,
    ...optional({ renamedFrom: machine.renamedFrom }),
    range: machine.range,
    description: machine.description,
    config: {
      ...config,
      ...marksOf(owner, domain.name, config, devices, machine.profiles, isSealed),
      [MARK.image]: imageMark(machine.image),
    },
    type: machine.type,
    image: machine.image,
    imageRange: machine.ranges.get("image") ?? machine.range,
    devices,
    profiles: machine.profiles,
    state: machine.state,
    protected: !machine.ephemeral,
    gpu: machine.gpu,
    nic: {
      bridge: addresses.domain.bridge,
      ip: addresses.machine.ip,
      hostName: addresses.machine.hostName,
    },
  };
}

/**
 * Returns the user's Incus keys and the keys that follow from other keys of `infra.yml`. Ansible's
 * variables are not included.
 */
function instanceConfig(machine: Machine, context: InstanceContext): StringMap {
  const container = machine.type === "lxc";
  return {
    ...guestApi(machine, context),
    ...(container && !context.ipv6 ? withoutIpv6(machine) : {}),
    ...(container && machine.gpu && context.nvidia ? { "nvidia.runtime": "true" } : {}),
    ...machine.config,
    ...(machine.ephemeral ? {} : { "security.protection.delete": "true" }),
    ...optional({
      "boot.autostart": machine.bootAutostart?.toString(),
      "boot.autostart.priority": machine.bootPriority?.toString(),
    }),
    ...scheduleConfig(machine),
  };
}

/** Controls whether a machine can ask Incus about itself. */
export const GUEST_API = "security.guestapi";

/**
 * Incus shows every `user.*` key to the machine at `/dev/incus/sock`, and anklume's notes there
 * tell the owner and the purpose of the machine. So this access is off, unless infra.yml sets it or
 * the machine is an admin container, which reads its own name there.
 */
function guestApi({ roles, profiles }: Machine, { domain }: InstanceContext): StringMap {
  const said = domain.profiles.some(({ name, config }) =>
    profiles.includes(name) && config[GUEST_API] !== undefined
  );
  return roles.includes(ADMIN_ROLE) || said ? {} : { [GUEST_API]: "false" };
}

/** Disables IPv6 in a container, including link-local addresses. `lo` keeps its `::1`. */
function withoutIpv6(machine: Machine): StringMap {
  return {
    "linux.sysctl.net.ipv6.conf.default.disable_ipv6": "1",
    // An `eth0` device of the user can have another name inside the machine, and a machine does not
    // start if a sysctl is missing.
    ...(machine.bypassesIsolation.includes("eth0")
      ? {}
      : { "linux.sysctl.net.ipv6.conf.eth0.disable_ipv6": "1" }),
  };
}

export function actualInstance(wire: Instance): ActualInstance {
  return {
    kind: "instance",
    addr: instanceAddr(wire.project, wire.name),
    type: wire.type === "virtual-machine" ? "vm" : "lxc",
    status: wire.status,
    description: wire.description,
    config: wire.config,
    devices: wire.devices,
    ...(wire.expanded_config ? { expandedConfig: wire.expanded_config } : {}),
    expandedDevices: wire.expanded_devices ?? wire.devices,
    profiles: wire.profiles ?? [],
    ...(wire.ephemeral ? { deletedOnStop: true } : {}),
    createdAt: wire.created_at,
  };
}

/**
 * Returns the `source` of a create or rebuild request. Local images are in the default project
 * (`features.images=false`).
 */
export function imageSource(image: ImageRef): InstanceSource {
  if (image.kind === "remote") {
    return {
      type: "image",
      mode: "pull",
      protocol: "simplestreams",
      server: image.server,
      alias: image.alias,
    };
  }
  return /^[0-9a-f]{12,64}$/.test(image.alias)
    ? { type: "image", fingerprint: image.alias }
    : { type: "image", alias: image.alias };
}

/**
 * True if the machine runs after its creation. `manual` machines are started once, when they are
 * created.
 */
export function startsWhenCreated(desired: DesiredInstance): boolean {
  return desired.state !== "stopped";
}

/** Body of `POST /1.0/instances?project=P`. The same request starts the machine. */
export function instanceCreateBody(desired: DesiredInstance): InstancesPost {
  return {
    name: desired.addr.name,
    type: desired.type === "vm" ? "virtual-machine" : "container",
    source: imageSource(desired.image),
    description: desired.description,
    config: desired.config,
    devices: desired.devices,
    profiles: desired.profiles,
    start: startsWhenCreated(desired),
  };
}

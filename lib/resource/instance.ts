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
  /** Its name before, from `renamed_from`. */
  readonly renamedFrom?: string;
  readonly type: "lxc" | "vm";
  readonly image: ImageRef;
  readonly imageRange: SourceRange;
  readonly devices: Devices;
  readonly profiles: readonly string[];
  readonly state: Machine["state"];
  /** `ephemeral: false`: only `--force` rebuilds or deletes it. */
  readonly protected: boolean;
  readonly gpu: boolean;
  /** Bridge, IPv4 and port of its `eth0`. */
  readonly nic: { readonly bridge: string; readonly ip: string; readonly hostName: string };
}

export interface ActualInstance extends ActualBase {
  readonly kind: "instance";
  readonly type: "lxc" | "vm";
  /** `Running`, `Stopped`, `Frozen`, `Error`… */
  readonly status: string;
  readonly devices: Devices;
  /** With those of its profiles. */
  readonly expandedConfig?: StringMap;
  readonly expandedDevices: Devices;
  readonly profiles: readonly string[];
  /** Incus deletes it when it stops, which anklume never asks for. */
  readonly deletedOnStop?: true;
  /** Names, oldest first; undefined: not asked for. */
  readonly snapshots?: readonly string[];
  /** What its root disk takes; undefined: not asked for, or not told. */
  readonly diskBytes?: number;
}

export function instanceAddr(project: string, name: string): ResourceAddr {
  return { kind: "instance", name, project };
}

/** `images:debian/13`, `local:anklume-test`: one text for one image, however the user wrote it. */
export function imageMark(image: ImageRef): string {
  return image.kind === "local" ? `local:${image.alias}` : `${image.remote}:${image.alias}`;
}

/** What a desired instance is made from, besides its machine. */
export interface InstanceContext {
  readonly owner: Owner;
  readonly domain: Domain;
  readonly storagePool: string;
  readonly ipv6: boolean;
  /** The host has NVIDIA's driver. */
  readonly nvidia: boolean;
  readonly addresses: { readonly domain: DomainAddress; readonly machine: MachineAddress };
  /** What of the host a machine with the role `admin` gets. */
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

/** The user's Incus keys, and what `infra.yml` says in its own words as Incus keys. Ansible's variables stay out. */
function instanceConfig(machine: Machine, context: InstanceContext): StringMap {
  const container = machine.type === "lxc";
  return {
    ...guestApi(machine, context),
    ...(container && !context.ipv6 ? withoutIpv6(machine) : {}),
    ...(container && machine.gpu && context.nvidia ? { "nvidia.runtime": "true" } : {}),
    ...machine.config,
    ...(machine.ephemeral ? {} : { "security.protection.delete": "true" }),
    ...(machine.bootAutostart === undefined
      ? {}
      : { "boot.autostart": String(machine.bootAutostart) }),
    ...(machine.bootPriority === undefined
      ? {}
      : { "boot.autostart.priority": String(machine.bootPriority) }),
    ...scheduleConfig(machine),
  };
}

/** Whether a machine may ask Incus about itself. */
export const GUEST_API = "security.guestapi";

/**
 * Incus reads every `user.*` key out to the machine at `/dev/incus/sock`: what anklume notes there tells whose the machine is and what it is
 * for. So it is shut, unless infra.yml says otherwise or the machine is an admin container, which asks there for its own name.
 */
function guestApi({ roles, profiles }: Machine, { domain }: InstanceContext): StringMap {
  const said = domain.profiles.some(({ name, config }) =>
    profiles.includes(name) && config[GUEST_API] !== undefined
  );
  return roles.includes(ADMIN_ROLE) || said ? {} : { [GUEST_API]: "false" };
}

/** Keeps a container from trying IPv6 at all, link-local included; `lo` keeps its `::1`. */
function withoutIpv6(machine: Machine): StringMap {
  return {
    "linux.sysctl.net.ipv6.conf.default.disable_ipv6": "1",
    // An `eth0` of the user's own may be called otherwise inside, and a missing sysctl keeps a machine from starting.
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

/** `source` of a create or rebuild request. Local images are the default project's (`features.images=false`). */
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

/** Whether the machine runs once it is made: `manual` machines are started once, when they are created. */
export function startsWhenCreated(desired: DesiredInstance): boolean {
  return desired.state !== "stopped";
}

/** Body of `POST /1.0/instances?project=P`; it is started in the same request. */
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

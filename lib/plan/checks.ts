import { Address4 } from "ip-address";
import type { Diagnostic } from "../diag/diagnostic.ts";
import { formatAddr } from "../resource/address.ts";
import type { FieldChange } from "../resource/field.ts";
import type { ActualInstance, DesiredInstance } from "../resource/instance.ts";
import { imageChanged } from "../resource/instance_compare.ts";
import type { DesiredNetwork } from "../resource/network.ts";
import type { DesiredResource } from "../resource/resource.ts";
import { formatBytes, parseSize } from "../resource/value.ts";
import type { ActualState } from "./actual_state.ts";
import type { DesiredState } from "./desired_state.ts";

/**
 * Returns every error that can be found before anything is changed, except errors about the owner
 * of a resource.
 */
export function checkLiveState(
  desired: DesiredState,
  actual: ActualState,
  /** `formatAddr` of the resources that will move away. */
  moving: ReadonlySet<string> = new Set(),
): Diagnostic[] {
  const pools = new Set(actual.pools.map((pool) => pool.name));
  const strangers = new NetworkStrangers(desired, actual, moving);
  const machines = new Map(
    actual.resources.flatMap((resource) =>
      resource.kind === "instance" ? [[formatAddr(resource.addr), resource] as const] : []
    ),
  );
  return desired.resources.flatMap((resource) => {
    switch (resource.kind) {
      case "instance": {
        const live = machines.get(formatAddr(resource.addr));
        return [
          ...unfitImage(resource, live, actual),
          ...missingPools(resource, Object.values(resource.devices), pools),
          ...strangers.onAddressOf(resource, live),
        ];
      }
      case "volume":
        return missingPools(resource, [{ type: "disk", pool: resource.addr.pool ?? "" }], pools);
      case "profile":
        return missingPools(resource, Object.values(resource.devices), pools);
      case "network":
        return strangers.onSubnetOf(resource);
      case "project":
        return [];
    }
  });
}

/**
 * Reports a local image that does not exist or is for the other type of machine. A machine that was
 * made from it needs it no more.
 */
function unfitImage(
  machine: DesiredInstance,
  live: ActualInstance | undefined,
  actual: ActualState,
): Diagnostic[] {
  const { image } = machine;
  if (image.kind !== "local" || actual.images === undefined) return [];
  if (live?.type === machine.type && !imageChanged(machine, live)) return [];
  const found = actual.images.find((candidate) =>
    candidate.aliases.includes(image.alias) ||
    (/^[0-9a-f]{12,64}$/.test(image.alias) && candidate.fingerprint.startsWith(image.alias))
  );
  if (found !== undefined) {
    return found.type === WIRE_TYPE[machine.type] ? [] : [wrongType(machine)];
  }
  const aliases = actual.images.flatMap((candidate) => candidate.aliases).toSorted();
  return [{
    severity: "error",
    code: "IMAGE_MISSING",
    summary: `Incus has no image "${image.alias}"`,
    detail: "An image without a remote must be in Incus's default project; nothing is downloaded.",
    remedy: aliases.length === 0
      ? "import one (incus image import), or name one with its remote, such as images:debian/13"
      : `it has ${aliases.join(", ")}; or name one with its remote, such as images:debian/13`,
    range: machine.imageRange,
  }];
}

const WIRE_TYPE = { lxc: "container", vm: "virtual-machine" } as const;

function wrongType({ addr, type, image, imageRange }: DesiredInstance): Diagnostic {
  const [is, other] = type === "vm" ? ["containers", "lxc"] : ["virtual machines", "vm"];
  return {
    severity: "error",
    code: "IMAGE_OF_OTHER_TYPE",
    summary: `the image "${image.alias}" is for ${is}, and ${addr.name} has \`type: ${type}\``,
    remedy: `name another image beside \`type\`, or write \`type: ${other}\``,
    range: imageRange,
  };
}

function missingPools(
  resource: DesiredResource,
  devices: readonly Readonly<Record<string, string>>[],
  pools: ReadonlySet<string>,
): Diagnostic[] {
  const named = devices.flatMap((device) =>
    device.type === "disk" && device.pool !== undefined ? [device.pool] : []
  );
  return [...new Set(named)].filter((pool) => !pools.has(pool)).map((pool) => ({
    severity: "error",
    code: "POOL_MISSING",
    summary: `Incus has no storage pool "${pool}" for ${formatAddr(resource.addr)}`,
    remedy: pools.size === 0
      ? "create one: incus admin init --minimal, or incus storage create"
      : `it has ${[...pools].toSorted().join(", ")}`,
    range: resource.range,
  }));
}

/**
 * Reports a root disk or volume that would become smaller, or smaller than its content if it had no
 * limit. Incus stops such a change half-way, so anklume refuses it.
 */
export function shrinks(
  resource: DesiredResource,
  fields: readonly FieldChange[],
  usedBytes?: number,
): Diagnostic[] {
  return fields.filter((field) => /^(config|devices\.[^.]+)\.size$/.test(field.path)).flatMap(
    (field) => {
      const before = parseSize(field.before ?? "") ?? usedBytes;
      const after = parseSize(field.after ?? "");
      if (before === undefined || after === undefined || after >= before) return [];
      return [{
        severity: "error",
        code: "SHRINK",
        summary: `${formatAddr(resource.addr)} cannot shrink from ${
          field.before ?? `the ${formatBytes(before)} it uses`
        } to ${field.after}`,
        detail: "Storage can only grow: shrinking would lose data or stop half-way.",
        remedy: `write ${
          field.before ?? formatBytes(before * 1.2)
        } or more; or copy the data to a new volume`,
        range: resource.range,
      }];
    },
  );
}

/**
 * Undeclared networks and machines (of somebody else, or orphans) that use a subnet or address that
 * the infra needs.
 */
class NetworkStrangers {
  readonly #networks: readonly { readonly name: string; readonly subnet: Address4 }[];
  /** From `bridge ip` to the machine that has this address. */
  readonly #holders: ReadonlyMap<string, ActualInstance>;

  constructor(desired: DesiredState, actual: ActualState, moving: ReadonlySet<string>) {
    const declared = new Set(desired.resources.map((resource) => formatAddr(resource.addr)));
    const strangers = actual.resources.filter((resource) => {
      const name = formatAddr(resource.addr);
      return !declared.has(name) && !desired.frozen.has(name) && !moving.has(name);
    });
    this.#networks = strangers.flatMap((network) => {
      const text = network.kind === "network" ? network.config["ipv4.address"] ?? "" : "";
      return Address4.isValid(text)
        ? [{ name: network.addr.name, subnet: new Address4(text) }]
        : [];
    });
    this.#holders = new Map(
      strangers.flatMap((machine) =>
        machine.kind !== "instance"
          ? []
          : Object.values(machine.expandedDevices).flatMap((nic) =>
            nic.type === "nic" && nic.network !== undefined && nic["ipv4.address"] !== undefined
              ? [[`${nic.network} ${nic["ipv4.address"]}`, machine] as const]
              : []
          )
      ),
    );
  }

  /**
   * Incus refuses a duplicate address only when a machine starts, whether or not the other one runs.
   * A machine that runs with its address needs nothing: it is only warned about its next start.
   */
  onAddressOf(machine: DesiredInstance, live: ActualInstance | undefined): Diagnostic[] {
    const { bridge, ip } = machine.nic;
    const holder = this.#holders.get(`${bridge} ${ip}`);
    if (holder === undefined) return [];
    const hasIt = live?.status === "Running" &&
      Object.values(live.expandedDevices).some((device) =>
        device.network === bridge && device["ipv4.address"] === ip
      );
    if (hasIt) {
      return [{
        severity: "warning",
        code: "ADDRESS_IN_USE",
        summary: `${formatAddr(holder.addr)} has the address of ${machine.addr.name}, ${ip}`,
        detail: "While both exist, Incus starts neither of them.",
        remedy: `remove ${holder.addr.name}, or give it another address`,
        range: machine.range,
      }];
    }
    return [{
      severity: "error",
      code: "ADDRESS_IN_USE",
      summary: `${ip} on ${bridge} is used by ${formatAddr(holder.addr)}`,
      remedy: `give ${machine.addr.name} another \`ip\`, or remove the other machine`,
      range: machine.range,
    }];
  }

  /** Incus accepts two bridges with the same subnet, and then neither works. */
  onSubnetOf(network: DesiredNetwork): Diagnostic[] {
    const text = network.config["ipv4.address"] ?? "";
    if (!Address4.isValid(text)) return [];
    const subnet = new Address4(text);
    return this.#networks
      .filter((other) => subnet.isInSubnet(other.subnet) || other.subnet.isInSubnet(subnet))
      .map((other) => ({
        severity: "error",
        code: "SUBNET_IN_USE",
        summary: `the subnet of ${network.addr.name} (${text}) overlaps network "${other.name}"`,
        remedy: "give the domain another `subnet_id`, or change `global.addressing`",
        range: network.range,
      }));
  }
}

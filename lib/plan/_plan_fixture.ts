import { assignAddresses } from "../addressing/assign_addresses.ts";
import type { Domain, Infra, Machine } from "../infra/infra.ts";
import type { ActualResource, DesiredResource } from "../resource/resource.ts";
import type { ActualState } from "./actual_state.ts";
import { type DesiredOptions, type DesiredState, desiredState } from "./desired_state.ts";

/* Inputs of plans, for tests. */

export const INFRA_ID = "11111111-2222-4333-8444-555555555555";

export const FIREWALL = {
  text: "table inet anklume_home-lab {}",
  digest: "0",
  tables: ["inet anklume_home-lab", "bridge anklume_home-lab"],
} as const;

/** Returns the infra with these machines changed. */
export function withMachines(infra: Infra, patch: Record<string, Partial<Machine>>): Infra {
  const domains = infra.domains.map((domain) => ({
    ...domain,
    machines: domain.machines.map((machine) => ({ ...machine, ...patch[machine.name] })),
  }));
  return { ...infra, domains };
}

/** Returns the infra with these domains changed. */
export function withDomains(infra: Infra, patch: Record<string, Partial<Domain>>): Infra {
  const domains = infra.domains.map((domain) => ({ ...domain, ...patch[domain.name] }));
  return { ...infra, domains };
}

/** Returns the desired state of an infra with a new lock that is always the same. */
export function desiredOf(
  infra: Infra,
  options: Partial<DesiredOptions> & { readonly infraId?: string } = {},
): DesiredState {
  const { infraId = INFRA_ID, ...rest } = options;
  const { addressing, diagnostics } = assignAddresses(infra, undefined, { newUuid: infraId });
  if (addressing === undefined) throw new Error(JSON.stringify(diagnostics));
  return desiredState(infra, addressing, { firewall: FIREWALL, ...rest });
}

/** Returns a host with a pool and the image of `sketchInfra`, without resources of the infra. */
export function emptyHost(patch: Partial<ActualState> = {}): ActualState {
  return {
    server: { version: "6.0.4", vms: true },
    resources: [],
    pools: [{ name: "default", driver: "btrfs" }],
    images: [{ fingerprint: "ab".repeat(32), aliases: ["debian"], type: "container" }],
    firewall: { state: "missing", differences: [] },
    ...patch,
  };
}

/** Returns the host after an apply, including Incus's own additions. */
export function appliedHost(desired: DesiredState, patch: Partial<ActualState> = {}): ActualState {
  return emptyHost({
    resources: desired.resources.map(asApplied),
    firewall: { state: "in-place", differences: [] },
    ...patch,
  });
}

function asApplied(desired: DesiredResource): ActualResource {
  const { addr, description, config } = desired;
  switch (desired.kind) {
    case "project":
      return { kind: "project", addr, description, config, usedBy: [] };
    case "network":
      return { kind: "network", addr, description, config, type: "bridge", managed: true };
    case "volume":
      return { kind: "volume", addr, description, config, createdAt: "2026-01-01T00:00:00Z" };
    case "profile":
      return desired.implicit
        ? { kind: "profile", addr, description: "Default Incus profile", config: {}, devices: {} }
        : { kind: "profile", addr, description, config, devices: desired.devices };
    case "instance":
      return {
        kind: "instance",
        addr,
        description,
        config: { ...config, "volatile.uuid": "x", "image.os": "debian" },
        type: desired.type,
        status: desired.state === "stopped" ? "Stopped" : "Running",
        devices: desired.devices,
        expandedDevices: desired.devices,
        profiles: desired.profiles,
        createdAt: "2026-01-01T00:00:00Z",
      };
  }
}

/** Returns the host with one of its resources changed. */
export function altered(
  host: ActualState,
  name: string,
  patch: {
    readonly config?: Record<string, string | undefined>;
    readonly devices?: Record<string, Record<string, string> | undefined>;
    readonly status?: string;
    readonly profiles?: readonly string[];
  },
): ActualState {
  const resources = host.resources.map((resource) => {
    if (resource.addr.name !== name) return resource;
    const { config, devices, ...rest } = patch;
    const changed = { ...resource, ...rest, config: merge(resource.config, config) };
    if (!("devices" in resource) || devices === undefined) return changed as ActualResource;
    const own = merge(resource.devices, devices);
    return { ...changed, devices: own, expandedDevices: own } as ActualResource;
  });
  return { ...host, resources };
}

function merge<T>(
  before: Readonly<Record<string, T>>,
  patch: Record<string, T | undefined> = {},
): Record<string, T> {
  const merged: Record<string, T> = {};
  for (const [key, value] of Object.entries({ ...before, ...patch })) {
    if (value !== undefined) merged[key] = value as T;
  }
  return merged;
}

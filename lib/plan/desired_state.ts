import type { Addressing, DomainAddress, MachineAddress } from "../addressing/addressing.ts";
import { type Domain, type Infra, type Machine, machinesOf } from "../infra/infra.ts";
import type { AdminMounts } from "../resource/admin_devices.ts";
import { formatAddr, type ResourceAddr } from "../resource/address.ts";
import { desiredInstance } from "../resource/instance.ts";
import type { Owner } from "../resource/mark.ts";
import { desiredNetwork } from "../resource/network.ts";
import { desiredProfiles } from "../resource/profile.ts";
import { desiredProject } from "../resource/project.ts";
import type { DesiredResource } from "../resource/resource.ts";
import { desiredVolume } from "../resource/volume.ts";
import { comparePlaces } from "./sort_changes.ts";

/** The rendered ruleset of the whole infra. */
interface DesiredFirewall {
  readonly text: string;
  readonly digest: string;
  /** `inet anklume_home-lab`, `bridge anklume_home-lab` */
  readonly tables: readonly string[];
}

/** Everything that should be on the host, computed only from `infra.yml` and its lock. */
export interface DesiredState {
  readonly owner: Owner;
  readonly firewall: DesiredFirewall;
  /** Sorted; without disabled domains. */
  readonly resources: readonly DesiredResource[];
  /**
   * Declared resources that are not changed: those of disabled domains, and those outside of
   * `--domain`.
   */
  readonly spared: readonly DesiredResource[];
  /** Declared resources of domains with `enabled: false`. */
  readonly disabled: readonly DesiredResource[];
  /** `formatAddr` of `spared`, and of other resources that do not count as orphans in this run. */
  readonly frozen: ReadonlySet<string>;
  /** From machine to its former name (`renamed_from`). */
  readonly renamed: ReadonlyMap<string, string>;
  /** From the former name of a domain to its present name. */
  readonly renamedDomains: ReadonlyMap<string, string>;
}

export interface DesiredOptions {
  readonly firewall: DesiredFirewall;
  /** True if the host has NVIDIA's driver (`hasNvidia`): containers with a GPU get its runtime. */
  readonly nvidia?: boolean;
  /**
   * The parts of the host that a machine with the role `admin` gets; without this value it gets
   * none.
   */
  readonly admin?: AdminMounts | undefined;
}

/** Returns `firewall home-lab`: the only resource that does not belong to Incus. */
export function firewallAddr(project: string): ResourceAddr {
  return { kind: "firewall", name: project };
}

/**
 * Computes the desired state. Pure: the order of declarations does not matter.
 * @throws Error if `addressing` was not made for this infra
 */
export function desiredState(
  infra: Infra,
  addressing: Addressing,
  options: DesiredOptions,
): DesiredState {
  const owner = { project: infra.projectName, infraId: addressing.infraId };
  const resources: DesiredResource[] = [];
  const spared: DesiredResource[] = [];
  for (const domain of infra.domains) {
    const ofDomain = domainResources(infra, domain, addressing, owner, options);
    (domain.enabled ? resources : spared).push(...ofDomain);
  }
  return {
    owner,
    firewall: options.firewall,
    resources: resources.toSorted(comparePlaces),
    spared,
    disabled: spared,
    frozen: new Set(spared.map((resource) => formatAddr(resource.addr))),
    renamed: new Map(
      machinesOf(infra).flatMap(({ name, renamedFrom }) =>
        renamedFrom === undefined ? [] : [[name, renamedFrom] as const]
      ),
    ),
    renamedDomains: new Map(
      infra.domains.flatMap(({ name, renamedFrom }) =>
        renamedFrom === undefined ? [] : [[renamedFrom, name] as const]
      ),
    ),
  };
}

/**
 * Returns the state limited to these domains; everything else is left unchanged. The firewall stays
 * whole.
 */
export function limitTo(desired: DesiredState, domains: readonly string[]): DesiredState {
  const kept = desired.resources.filter((resource) => domains.includes(resource.domain));
  const left = desired.resources.filter((resource) => !domains.includes(resource.domain));
  return {
    ...desired,
    resources: kept,
    spared: [...desired.spared, ...left],
    frozen: new Set([...desired.frozen, ...left.map((resource) => formatAddr(resource.addr))]),
  };
}

function domainResources(
  infra: Infra,
  domain: Domain,
  addressing: Addressing,
  owner: Owner,
  { nvidia = false, admin }: DesiredOptions,
): DesiredResource[] {
  const address = domainAddress(addressing, domain);
  return [
    desiredProject(domain, owner),
    desiredNetwork(domain, address, owner),
    ...desiredProfiles(domain, owner),
    ...domain.machines.flatMap((machine) => [
      ...machine.storageVolumes.map((volume) => desiredVolume(machine, volume, owner)),
      desiredInstance(machine, {
        owner,
        domain,
        nvidia,
        admin,
        storagePool: infra.global.storagePool,
        ipv6: infra.global.ipv6,
        addresses: { domain: address, machine: machineAddress(addressing, machine) },
      }),
    ]),
  ];
}

function domainAddress(addressing: Addressing, domain: Domain): DomainAddress {
  const address = addressing.domains.get(domain.name);
  if (address === undefined) throw new Error(`Domain "${domain.name}" has no subnet`);
  return address;
}

function machineAddress(addressing: Addressing, machine: Machine): MachineAddress {
  const address = addressing.machines.get(machine.name);
  if (address === undefined) throw new Error(`Machine "${machine.name}" has no address`);
  return address;
}

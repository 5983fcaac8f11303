import { allSettled } from "../incus/all_settled.ts";
import type { IncusClient } from "../incus/incus_client.ts";
import { IncusError } from "../incus/incus_error.ts";
import type { ActualInstance } from "../resource/instance.ts";
import { FORMAT, MARK, type Owner, ownership } from "../resource/mark.ts";
import type { ActualNetwork } from "../resource/network.ts";
import type { ActualResource } from "../resource/resource.ts";
import { snapshotsOf } from "./live_machine.ts";
import type { RestoreMachine } from "./plan_restore.ts";

/**
 * Stand-ins for networks that a snapshot's NICs use and that are gone, because the machine was in
 * another domain then. Incus 6.0 cannot change a NIC whose network it does not find, neither during
 * nor after a restore. So networks of these names exist for that time. They are macvlan networks on
 * `lo`: no traffic, no machine started on them, no interface of their own on the host.
 */
export class StandIns implements AsyncDisposable {
  readonly #incus: IncusClient;
  readonly #names: readonly string[];

  /**
   * @param networks the existing ones; stand-ins that an interrupted restore left are removed too
   */
  static async make(
    incus: IncusClient,
    owner: Owner,
    machines: readonly RestoreMachine[],
    networks: readonly ActualNetwork[],
  ): Promise<StandIns> {
    const there = new Set(networks.map(({ addr }) => addr.name));
    const missing = new Set(machines.flatMap(networksOfThen).filter((name) => !there.has(name)));
    const left = networks.filter((network) => isStandIn(network, owner));
    const standIns = new StandIns(incus, [...missing, ...left.map(({ addr }) => addr.name)]);
    const making = [...missing].map((name) =>
      incus.networks.create({
        name,
        type: "macvlan",
        description: "Replaces a deleted network while a snapshot is restored",
        config: {
          parent: "lo",
          [MARK.project]: owner.project,
          [MARK.infra]: owner.infraId,
          [MARK.format]: String(FORMAT),
          [MARK.standIn]: "true",
        },
      })
    );
    try {
      await allSettled(making);
      return standIns;
    } catch (error) {
      await standIns[Symbol.asyncDispose]();
      throw error;
    }
  }

  private constructor(incus: IncusClient, names: readonly string[]) {
    this.#incus = incus;
    this.#names = names;
  }

  /**
   * A stand-in that a machine still uses, since its restore failed, stays until the restore is
   * repeated.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    await allSettled(this.#names.map((name) => deleteUnused(this.#incus, name)));
  }
}

/**
 * Removes the stand-ins that an interrupted restore left, for an apply. A machine that is still on
 * one loses that NIC; the plan then gives it the declared one.
 * @param names from `standInNames`
 * @returns the names of the removed ones
 */
export async function removeStandIns(
  incus: IncusClient,
  owner: Owner,
  resources: readonly ActualResource[],
  names: readonly string[],
): Promise<string[]> {
  await allSettled(resources.map(async (resource) => {
    if (resource.kind !== "instance" || ownership(resource.config, owner).kind !== "ours") return;
    await leave(incus, resource, names);
  }));
  const gone = await Promise.all(names.map((name) => deleteUnused(incus, name)));
  return names.filter((_, index) => gone[index]);
}

async function leave(
  { instances }: IncusClient,
  { addr: { project = "default", name }, devices }: ActualInstance,
  networks: readonly string[],
): Promise<void> {
  const isOn = ({ type, network = "" }: Readonly<Record<string, string>>) =>
    type === "nic" && networks.includes(network);
  if (!Object.values(devices).some(isOn)) return;
  const { value, etag } = await instances.get(project, name);
  const { architecture, config, description, ephemeral, profiles, stateful } = value;
  const kept = Object.fromEntries(
    Object.entries(value.devices).filter(([_, device]) => !isOn(device)),
  );
  const body = { architecture, config, description, ephemeral, profiles, stateful, devices: kept };
  await instances.update(project, name, body, { etag });
}

/** Returns the names of the existing stand-ins. */
export function standInNames(owner: Owner, resources: readonly ActualResource[]): string[] {
  return resources.flatMap((resource) =>
    resource.kind === "network" && isStandIn(resource, owner) ? [resource.addr.name] : []
  );
}

function isStandIn({ config }: ActualNetwork, owner: Owner): boolean {
  return config[MARK.standIn] === "true" && ownership(config, owner).kind === "ours";
}

/** Returns true if it was deleted: Incus keeps a network that a machine uses. */
async function deleteUnused({ networks }: IncusClient, name: string): Promise<boolean> {
  try {
    await networks.delete(name);
    return true;
  } catch (error) {
    if (!(error instanceof IncusError)) throw error;
    return false;
  }
}

function networksOfThen({ live, member }: RestoreMachine): string[] {
  const taken = snapshotsOf(live.instance).find(({ name }) => name === member.snapshot);
  return Object.values(taken?.expanded_devices ?? {}).flatMap(({ type, network }) =>
    type === "nic" && network !== undefined ? [network] : []
  );
}

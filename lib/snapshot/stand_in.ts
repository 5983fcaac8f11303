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
 * Networks that NICs of then lead to and that are gone, because the machine stood in another domain. Incus 6.0 changes no NIC whose
 * network it does not find, neither while it restores nor afterwards: so there are networks of these names meanwhile. They
 * lead nowhere, nothing is started on them, and no interface of the host belongs to them.
 */
export class StandIns implements AsyncDisposable {
  readonly #incus: IncusClient;
  readonly #names: readonly string[];

  /** @param networks those there are; what an interrupted restore left of stand-ins goes with these */
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
        description: "Stands in for a network that is gone, while a snapshot is restored",
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

  /** One that a machine still uses, since its restore failed, stays until that is repeated. */
  async [Symbol.asyncDispose](): Promise<void> {
    await allSettled(this.#names.map((name) => deleteUnused(this.#incus, name)));
  }
}

/**
 * Removes what an interrupted restore left of them, for who makes the host what infra.yml says. A machine that it left on one has
 * that NIC taken away: the plan gives it the one that it is to have.
 * @param names `standInNames`
 * @returns those that are gone
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

/** Those that are there now. */
export function standInNames(owner: Owner, resources: readonly ActualResource[]): string[] {
  return resources.flatMap((resource) =>
    resource.kind === "network" && isStandIn(resource, owner) ? [resource.addr.name] : []
  );
}

function isStandIn({ config }: ActualNetwork, owner: Owner): boolean {
  return config[MARK.standIn] === "true" && ownership(config, owner).kind === "ours";
}

/** Whether it could be: Incus keeps one that a machine uses. */
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

import { allSettled } from "../incus/all_settled.ts";
import type { IncusClient } from "../incus/incus_client.ts";
import { IncusError } from "../incus/incus_error.ts";
import { FORMAT, MARK, type Owner } from "../resource/mark.ts";
import type { ActualNetwork } from "../resource/network.ts";
import { snapshotsOf } from "./inventory.ts";
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
    const left = networks.filter(({ config }) => config[MARK.standIn] === "true");
    const standIns = new StandIns(incus, [...missing, ...left.map(({ addr }) => addr.name)]);
    await allSettled([...missing].map((name) =>
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
    ));
    return standIns;
  }

  private constructor(incus: IncusClient, names: readonly string[]) {
    this.#incus = incus;
    this.#names = names;
  }

  /** One that a machine still uses, since its restore failed, stays until that is repeated. */
  async [Symbol.asyncDispose](): Promise<void> {
    await allSettled(this.#names.map(async (name) => {
      try {
        await this.#incus.networks.delete(name);
      } catch (error) {
        if (!(error instanceof IncusError)) throw error;
      }
    }));
  }
}

function networksOfThen({ live, member }: RestoreMachine): string[] {
  const taken = snapshotsOf(live.instance).find(({ name }) => name === member.snapshot);
  return Object.values(taken?.expanded_devices ?? {}).flatMap(({ type, network }) =>
    type === "nic" && network !== undefined ? [network] : []
  );
}

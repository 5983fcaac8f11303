import type { IncusClient } from "../incus/incus_client.ts";
import type { ReadOptions } from "../incus/collection.ts";
import type { Network } from "../incus/wire/network.ts";
import type { Resources } from "../incus/wire/server.ts";
import { type Infra, machinesOf } from "../infra/infra.ts";
import { actualInstance } from "../resource/instance.ts";
import { actualNetwork } from "../resource/network.ts";
import { actualProfile } from "../resource/profile.ts";
import { actualProject } from "../resource/project.ts";
import { actualVolume } from "../resource/volume.ts";
import type { ActualImage, ActualPool, Hardware, IncusState } from "./actual_state.ts";
import { optional } from "../diag/optional.ts";

/** Data that is read only if a plan needs it. */
export interface ReadWishes {
  /** The images of the default project, if a machine uses a local image. */
  readonly images?: boolean;
  /** Memory and GPUs of the host, if a machine uses a GPU, is a VM or has a memory limit. */
  readonly hardware?: boolean;
  /** The free space of each pool, if something with a size is declared. */
  readonly poolSpace?: boolean;
}

interface ReadStateOptions {
  readonly signal?: AbortSignal;
  /** The answer to `incus.networks.list()`, if it was requested already. */
  readonly networks?: Promise<readonly Network[]>;
}

/** Returns the data about the host that planning this infra needs. */
export function wishesOf(infra: Infra): ReadWishes {
  const machines = machinesOf(infra);
  return {
    images: machines.some((machine) => machine.image.kind === "local"),
    hardware: machines.some((machine) =>
      machine.gpu || machine.type === "vm" || machine.config["limits.memory"] !== undefined
    ),
    poolSpace: machines.some((machine) =>
      machine.storageVolumes.some((volume) => volume.size !== undefined) ||
      Object.values(machine.devices).some((device) => device.size !== undefined)
    ),
  };
}

/**
 * Reads all resources of every project with parallel requests, plus one request (two with
 * `poolSpace`) per storage pool. The number of requests does not depend on the number of machines.
 * The wishes may be a promise: everything that does not depend on them is requested at once.
 * @throws IncusError, IncusUnreachableError, or the reason of an aborted `signal`
 */
export async function readActualState(
  incus: IncusClient,
  wishes: ReadWishes | Promise<ReadWishes> = {},
  { signal, networks: asked }: ReadStateOptions = {},
): Promise<IncusState> {
  const options = { signal };
  const everywhere = { allProjects: true } as const;
  const [projects, networks, profiles, instances, pools, images, hardware] = await Promise.all([
    incus.projects.list(options),
    asked ?? incus.networks.list(options),
    incus.profiles.list(everywhere, options),
    incus.instances.list(everywhere, options),
    readPools(incus, wishes, options),
    wished(wishes, "images", () => incus.images.list(options)),
    wished(wishes, "hardware", () => incus.server.resources(options)),
  ]);
  return {
    server: {
      version: incus.info.environment.server_version,
      vms: incus.info.environment.driver.includes("qemu"),
    },
    resources: [
      ...projects.map(actualProject),
      ...networks.map(actualNetwork),
      ...pools.flatMap(({ pool, volumes }) =>
        volumes.map((volume) => actualVolume(volume, pool.name))
      ),
      ...profiles.map(actualProfile),
      ...instances.map(actualInstance),
    ],
    pools: pools.map(({ pool }) => pool),
    ...optional({
      images: images?.map((image): ActualImage => ({
        fingerprint: image.fingerprint,
        aliases: (image.aliases ?? []).map((alias) => alias.name),
        type: image.type,
      })),
      hardware: hardware && toHardware(hardware),
    }),
  };
}

async function wished<T>(
  wishes: ReadWishes | Promise<ReadWishes>,
  wish: keyof ReadWishes,
  read: () => Promise<T>,
): Promise<T | undefined> {
  return (await wishes)[wish] ? await read() : undefined;
}

async function readPools(
  incus: IncusClient,
  wishes: ReadWishes | Promise<ReadWishes>,
  options: ReadOptions,
) {
  const pools = await incus.storagePools.list(options);
  return await Promise.all(pools.map(async ({ name, driver }) => {
    const [volumes, resources] = await Promise.all([
      incus.volumes.list(name, { allProjects: true }, options),
      wished(wishes, "poolSpace", () => incus.storagePools.resources(name, options)),
    ]);
    const space = resources?.space;
    const free = space === undefined || space.total === 0 ? undefined : space.total - space.used;
    const pool: ActualPool = { name, driver, ...optional({ free }) };
    return { pool, volumes };
  }));
}

function toHardware(resources: Resources): Hardware {
  return {
    memory: resources.memory.total,
    gpus: (resources.gpu.cards ?? []).map((card) => ({
      vendor: card.vendor ?? "",
      driver: card.nvidia === undefined ? card.driver ?? "" : "nvidia",
    })),
  };
}

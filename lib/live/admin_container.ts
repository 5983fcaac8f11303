import { executablePath, workingDirectory } from "../host/terminal.ts";
import { readOwnName } from "../incus/own_name.ts";
import type { IncusClient } from "../incus/incus_client.ts";
import { type Infra, machinesOf } from "../infra/infra.ts";
import type { Devices } from "../resource/delta.ts";
import type { IncusState } from "../plan/actual_state.ts";
import { ADMIN_ROLE, type AdminMounts, adminMountsOf } from "../resource/admin_devices.ts";
import { isAdminContainer } from "./host_side.ts";

/** The mounts of admin containers from the host, and whether this process runs in one. */
export interface Admin {
  /**
   * undefined: no machine has the role, or this process is in an admin container whose devices do
   * not show them.
   */
  readonly mounts: AdminMounts | undefined;
  /**
   * In an admin container: the machines that may be this one, as `<project>/<name>`; otherwise
   * empty.
   */
  readonly self: ReadonlySet<string>;
}

/** Finds what an admin container gets. From inside, only its own devices show the host's paths. */
export async function readAdmin(
  incus: IncusClient,
  infra: Infra,
  state: IncusState,
): Promise<Admin> {
  const admins = machinesOf(infra).filter(({ roles }) => roles.includes(ADMIN_ROLE));
  if (!isAdminContainer(incus)) {
    const mounts = {
      socket: incus.socket,
      workspace: workingDirectory(),
      binary: executablePath(),
    };
    return { mounts: admins.length === 0 ? undefined : mounts, self: new Set() };
  }
  const live = state.resources.flatMap((resource) =>
    resource.kind === "instance" ? [{ ...resource.addr, devices: resource.devices }] : []
  );
  const selves = await findSelves(incus, live);
  const mounts = selves.map(({ devices }) => adminMountsOf(devices)).find((each) => each);
  return { mounts, self: new Set(selves.map(({ project, name }) => `${project}/${name}`)) };
}

/** A live machine, with the fields that show whether it is an admin container. */
interface LiveDevices {
  readonly name: string;
  readonly devices: Devices;
}

/** Returns the machines that may be the container of this process; empty on the host. */
export async function findSelves<T extends LiveDevices>(
  incus: IncusClient,
  machines: readonly T[],
): Promise<T[]> {
  if (!isAdminContainer(incus)) return [];
  const own = await readOwnName();
  // Without its own name, any of the admin containers may be this one: all are spared.
  return machines.filter(({ name, devices }) =>
    own === undefined ? adminMountsOf(devices) !== undefined : name === own
  );
}

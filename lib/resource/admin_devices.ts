import type { Machine } from "../infra/infra.ts";
import type { Devices } from "./delta.ts";

/** The role of a machine that runs anklume itself and manages the host from inside. */
export const ADMIN_ROLE = "admin";

/** Paths in the admin container. They are not below `/run`, because the guest mounts over it. */
export const ADMIN_PATHS = {
  socket: "/opt/incus.socket",
  workspace: "/workspace",
  binary: "/usr/local/bin/anklume",
} as const;

export const ADMIN_DEVICES = {
  socket: "anklume-socket",
  workspace: "anklume-workspace",
  binary: "anklume-binary",
} as const;

/** The parts of the host that an admin container gets, as paths on the host. */
export interface AdminMounts {
  /** The socket of Incus. */
  readonly socket: string;
  readonly workspace: string;
  /** The executable of anklume; undefined when it runs from source. */
  readonly binary?: string | undefined;
}

/**
 * Returns the devices of a machine with the role `admin`: the socket, the workspace, the
 * executable. It gets nothing else of the host.
 */
export function adminDevices(machine: Machine, mounts: AdminMounts | undefined): Devices {
  if (mounts === undefined || !machine.roles.includes(ADMIN_ROLE)) return {};
  return {
    [ADMIN_DEVICES.socket]: {
      type: "proxy",
      bind: "instance",
      listen: `unix:${ADMIN_PATHS.socket}`,
      connect: `unix:${mounts.socket}`,
      uid: "0",
      gid: "0",
      mode: "0600",
    },
    [ADMIN_DEVICES.workspace]: {
      type: "disk",
      source: mounts.workspace,
      path: ADMIN_PATHS.workspace,
      // Shows the host's files with their owners. Without it they would belong to nobody.
      shift: "true",
    },
    ...(mounts.binary === undefined ? {} : {
      [ADMIN_DEVICES.binary]: {
        type: "disk",
        source: mounts.binary,
        path: ADMIN_PATHS.binary,
        readonly: "true",
      },
    }),
  };
}

/**
 * Reads the mounts from a live admin container: inside it there is no other way to know the host's
 * paths.
 */
export function adminMountsOf(devices: Devices): AdminMounts | undefined {
  const socket = devices[ADMIN_DEVICES.socket]?.connect?.replace(/^unix:/, "");
  const workspace = devices[ADMIN_DEVICES.workspace]?.source;
  if (socket === undefined || workspace === undefined) return undefined;
  return { socket, workspace, binary: devices[ADMIN_DEVICES.binary]?.source };
}

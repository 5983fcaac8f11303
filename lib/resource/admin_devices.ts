import type { Machine } from "../infra/infra.ts";
import type { Devices } from "./delta.ts";

/** The role that makes a machine drive everything from inside. */
export const ADMIN_ROLE = "admin";

/** Where things stand in the admin container. Not below `/run`, which the guest hides. */
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

/** What of the host an admin container is given; paths on the host. */
export interface AdminMounts {
  /** Incus's socket. */
  readonly socket: string;
  readonly workspace: string;
  /** The program itself; undefined where it runs from source. */
  readonly binary?: string | undefined;
}

/** Devices of a machine with the role `admin`: the socket, the workspace, the program. Nothing else of the host. */
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
      // The host's files with their owners, who otherwise are nobody.
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

/** The mounts as a live admin container has them: from inside nobody else knows the host's paths. */
export function adminMountsOf(devices: Devices): AdminMounts | undefined {
  const socket = devices[ADMIN_DEVICES.socket]?.connect?.replace(/^unix:/, "");
  const workspace = devices[ADMIN_DEVICES.workspace]?.source;
  if (socket === undefined || workspace === undefined) return undefined;
  return { socket, workspace, binary: devices[ADMIN_DEVICES.binary]?.source };
}

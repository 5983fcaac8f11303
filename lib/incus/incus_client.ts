import type { Connection } from "./collection.ts";
import { IncusUnreachableError } from "./incus_error.ts";
import { Files } from "./files.ts";
import { Images } from "./images.ts";
import { InstanceSnapshots } from "./instance_snapshots.ts";
import { Instances } from "./instances.ts";
import { Networks } from "./networks.ts";
import { Operations } from "./operations.ts";
import { Profiles } from "./profiles.ts";
import { Projects } from "./projects.ts";
import { ServerInfo } from "./server_info.ts";
import { StoragePools } from "./storage_pools.ts";
import { Transport, type TransportOptions } from "./transport.ts";
import { VolumeSnapshots } from "./volume_snapshots.ts";
import { Volumes } from "./volumes.ts";
import type { Server } from "./wire/server.ts";

/** Where Debian's and Zabbly's packages listen; the first that is there is asked. */
export const DEFAULT_SOCKETS = ["/var/lib/incus/unix.socket", "/run/incus/unix.socket"] as const;

/** Where it stands in an admin container, by a proxy device, and nowhere else. */
export const ADMIN_SOCKET = "/opt/incus.socket";

/** A daemon that answered. Close it, or its event stream keeps the process alive. */
export class IncusClient implements AsyncDisposable {
  /** `GET /1.0` as of the connection. */
  readonly info: Server;
  readonly server: ServerInfo;
  readonly projects: Projects;
  readonly networks: Networks;
  readonly storagePools: StoragePools;
  readonly volumes: Volumes;
  readonly profiles: Profiles;
  readonly volumeSnapshots: VolumeSnapshots;
  readonly instances: Instances;
  readonly files: Files;
  readonly instanceSnapshots: InstanceSnapshots;
  readonly images: Images;
  readonly #connection: Connection;

  constructor(connection: Connection, info: Server) {
    this.#connection = connection;
    this.info = info;
    this.server = new ServerInfo(connection);
    this.projects = new Projects(connection);
    this.networks = new Networks(connection);
    this.storagePools = new StoragePools(connection);
    this.volumes = new Volumes(connection);
    this.profiles = new Profiles(connection);
    this.volumeSnapshots = new VolumeSnapshots(connection);
    this.instances = new Instances(connection);
    this.files = new Files(connection);
    this.instanceSnapshots = new InstanceSnapshots(connection);
    this.images = new Images(connection);
  }

  get socket(): string {
    return this.#connection.transport.socket;
  }

  /** Requests sent so far, WebSockets included. */
  get requestCount(): number {
    return this.#connection.transport.requestCount;
  }

  /** `Operations.settle` */
  settle(projects: ReadonlySet<string>, signal?: AbortSignal): Promise<boolean> {
    return this.#connection.operations.settle(projects, signal);
  }

  async close(): Promise<void> {
    await this.#connection.operations[Symbol.asyncDispose]();
    this.#connection.transport[Symbol.dispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

export interface ConnectOptions extends Omit<TransportOptions, "socket"> {
  /** Default: the first of `DEFAULT_SOCKETS` that is there. */
  readonly socket?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Connects to the daemon, with one request that also proves that it is Incus and trusts us. Throws `IncusUnreachableError`, whose
 * `reason` tells what to mend.
 */
export async function connectIncus(options: ConnectOptions = {}): Promise<IncusClient> {
  if (options.socket !== undefined) return await connectTo(options.socket, options);
  let first: unknown;
  // What stands at the usual places in an admin container leads to that socket too.
  if (await isThere(ADMIN_SOCKET)) return await connectTo(ADMIN_SOCKET, options);
  for (const socket of DEFAULT_SOCKETS) {
    try {
      return await connectTo(socket, options);
    } catch (error) {
      first ??= error;
      // Only a socket that is not there sends us on; one that refuses us is the one to speak of.
      if (!(error instanceof IncusUnreachableError) || error.reason !== "missing") throw error;
    }
  }
  throw first;
}

async function isThere(socket: string): Promise<boolean> {
  try {
    return (await Deno.stat(socket)).isSocket ?? false;
  } catch {
    return false;
  }
}

async function connectTo(socket: string, options: ConnectOptions): Promise<IncusClient> {
  const transport = new Transport({
    socket,
    onRequest: options.onRequest,
    timeoutMs: options.timeoutMs,
  });
  try {
    const operations = new Operations(transport);
    const info = await transport.read<Server>("/1.0", { signal: options.signal });
    if (info.auth !== "trusted") throw new IncusUnreachableError("untrusted", socket);
    if (info.environment?.server !== "incus") throw new IncusUnreachableError("not-incus", socket);
    return new IncusClient({ transport, operations }, info);
  } catch (error) {
    transport[Symbol.dispose]();
    throw error;
  }
}

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

/** The sockets of Debian's and Zabbly's packages. The first one that exists is used. */
export const DEFAULT_SOCKETS = ["/var/lib/incus/unix.socket", "/run/incus/unix.socket"] as const;

/** The socket in an admin container, provided there by a proxy device. No other machine has it. */
export const ADMIN_SOCKET = "/opt/incus.socket";

/** A daemon that has answered. Close it, or its event stream keeps the process alive. */
export class IncusClient implements AsyncDisposable {
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
  #info: Server | undefined;

  constructor(connection: Connection) {
    this.#connection = connection;
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

  /** The answer to `GET /1.0`, read when the connection was made. */
  get info(): Server {
    if (this.#info === undefined) throw new TypeError("the daemon has not answered yet");
    return this.#info;
  }

  get socket(): string {
    return this.#connection.transport.socket;
  }

  /** Number of requests sent so far, including WebSockets. */
  get requestCount(): number {
    return this.#connection.transport.requestCount;
  }

  /**
   * Throws `IncusUnreachableError` if the answer does not come from Incus or if Incus does not
   * trust this user.
   */
  async prove(signal: AbortSignal | undefined): Promise<void> {
    const info = await this.#connection.transport.read<Server>("/1.0", { signal });
    if (info.auth !== "trusted") throw new IncusUnreachableError("untrusted", this.socket);
    if (info.environment?.server !== "incus") {
      throw new IncusUnreachableError("not-incus", this.socket);
    }
    this.#info = info;
  }

  /** Calls `Operations.waitForOthers`. */
  waitForOperations(projects: ReadonlySet<string>, signal?: AbortSignal): Promise<boolean> {
    return this.#connection.operations.waitForOthers(projects, signal);
  }

  async close(): Promise<void> {
    await this.#connection.operations[Symbol.asyncDispose]();
    this.#connection.transport[Symbol.dispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

interface ConnectOptions extends Omit<TransportOptions, "socket"> {
  /** Default: the first of `DEFAULT_SOCKETS` that exists. */
  readonly socket?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /**
   * Called as soon as requests can be sent, before it is known that the daemon trusts this user.
   */
  readonly meanwhile?: (incus: IncusClient) => void;
}

/**
 * Connects to the daemon. One request checks that it is Incus and that it trusts this user. Throws
 * `IncusUnreachableError`; its `reason` tells what to fix.
 */
export async function connectIncus(options: ConnectOptions = {}): Promise<IncusClient> {
  const socket = options.socket ?? usualSocket();
  const { onRequest, timeoutMs, signal, meanwhile } = options;
  const transport = new Transport({ socket, onRequest, timeoutMs });
  const incus = new IncusClient({ transport, operations: new Operations(transport) });
  try {
    const proof = incus.prove(signal);
    meanwhile?.(incus);
    await proof;
    return incus;
  } catch (error) {
    await incus.close();
    throw error;
  }
}

/**
 * Returns the socket that exists. In an admin container the usual path is a link to the container's
 * own socket.
 */
function usualSocket(): string {
  return [ADMIN_SOCKET, ...DEFAULT_SOCKETS].find(isSocket) ?? DEFAULT_SOCKETS[0];
}

export function isSocket(path: string): boolean {
  try {
    return Deno.statSync(path).isSocket ?? false;
  } catch {
    return false;
  }
}

import { setTimeout as sleep } from "node:timers/promises";
import {
  type Connection,
  orMissing,
  type ProjectScope,
  type ReadOptions,
  scopeQuery,
  type WriteOptions,
} from "./collection.ts";
import { IncusError } from "./incus_error.ts";
import { execStream, type ExecStreamOptions } from "./exec_stream.ts";
import { execInstance, type ExecOptions, type ExecResult } from "./instance_exec.ts";
import type { OperationOptions, RunOptions } from "./operations.ts";
import { apiPath, type Query } from "./path.ts";
import { explainStart } from "./start_failure.ts";
import { INSTANCE_BUSY, retryPassing } from "./retry.ts";
import type { Method, Tagged } from "./transport.ts";
import type {
  Instance,
  InstanceFull,
  InstancePatch,
  InstancePut,
  InstanceRebuildPost,
  InstancesPost,
  InstanceState,
  InstanceStatePut,
} from "./wire/instance.ts";

/** `/1.0/instances`: containers and virtual machines. */
export class Instances {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  list(
    scope: ProjectScope = { allProjects: true },
    options: ReadOptions = {},
  ): Promise<Instance[]> {
    return this.#list({ recursion: 1, ...scopeQuery(scope) }, options);
  }

  /**
   * Like `list`, with state, addresses and snapshots. It is also one request, but Incus enters
   * every machine for it.
   */
  listFull(
    scope: ProjectScope = { allProjects: true },
    options: ReadOptions = {},
  ): Promise<InstanceFull[]> {
    return this.#list({ recursion: 2, ...scopeQuery(scope) }, options);
  }

  get(project: string, name: string, options: ReadOptions = {}): Promise<Tagged<Instance>> {
    const query = { project };
    return this.#connection.transport.readTagged(instancePath(name), { ...options, query });
  }

  /** Like `listFull`, for one instance. */
  getFull(project: string, name: string, options: ReadOptions = {}): Promise<InstanceFull> {
    const query = { project, recursion: 1 };
    return this.#connection.transport.read(instancePath(name), { ...options, query });
  }

  state(project: string, name: string, options: ReadOptions = {}): Promise<InstanceState> {
    const query = { project };
    const path = apiPath`/1.0/instances/${name}/state`;
    return this.#connection.transport.read(path, { ...options, query });
  }

  /**
   * `start: true` in the body saves a request. If only the start fails, the instance stays and the
   * error says so.
   */
  async create(
    project: string,
    body: InstancesPost,
    options: OperationOptions = {},
  ): Promise<void> {
    await this.#connection.operations.run("POST", "/1.0/instances", {
      ...options,
      query: { project },
      body,
      isDone: async () => {
        const status = await this.#status(project, body.name);
        return body.start ? status === "Running" : status !== undefined;
      },
    });
  }

  /**
   * Replaces the whole instance: change what `get` returned and send it back. This is the only way
   * to remove a device.
   */
  async update(
    project: string,
    name: string,
    body: InstancePut,
    options: OperationOptions & WriteOptions = {},
  ): Promise<void> {
    await this.#write("PUT", project, name, body, options);
  }

  /** Merges keys and devices into the existing ones. The value `""` unsets a key. */
  async patch(
    project: string,
    name: string,
    body: InstancePatch,
    options: OperationOptions & WriteOptions = {},
  ): Promise<void> {
    await this.#write("PATCH", project, name, body, options);
  }

  /**
   * Changes the state. A machine that somebody else has started in the meantime counts as started:
   * after a power cut, Incus itself starts the machines one after another.
   * @throws IncusError; for a start, with the reason that LXC or QEMU gave
   */
  async setState(
    project: string,
    name: string,
    body: InstanceStatePut,
    options: OperationOptions = {},
  ): Promise<void> {
    const isDone = async () => (await this.#status(project, name)) === STATUS_AFTER[body.action];
    try {
      await this.#run("PUT", apiPath`/1.0/instances/${name}/state`, {
        ...options,
        query: { project },
        body,
        isDone,
      });
    } catch (error) {
      const starts = body.action === "start" || body.action === "restart";
      if (!starts || !(error instanceof IncusError)) throw error;
      if (ALREADY_RUNNING.test(error.message) && await isDone()) return;
      throw await explainStart(this.#connection.transport, project, name, error);
    }
  }

  /**
   * Copies the root disk of a stopped instance over that of another instance in the same project.
   * The config, devices and snapshots of the other instance do not change.
   */
  async refresh(
    project: string,
    source: string,
    name: string,
    options: OperationOptions = {},
  ): Promise<void> {
    await this.#run("POST", "/1.0/instances", {
      ...options,
      query: { project },
      body: {
        name,
        type: "container",
        source: { type: "copy", source, project, refresh: true, instance_only: true },
      },
      // The instance does not show whether a copy succeeded.
      isDone: () => Promise.resolve(false),
    });
  }

  /** Deletes a stopped instance. Incus refuses if `security.protection.delete` is set. */
  async delete(project: string, name: string, options: OperationOptions = {}): Promise<void> {
    await this.#run("DELETE", instancePath(name), {
      ...options,
      query: { project },
      isDone: async () => (await this.#status(project, name)) === undefined,
    });
  }

  /**
   * Creates the root disk again; volumes, config and MAC addresses stay. Works only for a stopped
   * instance without snapshots. `security.protection.delete` does not prevent it.
   */
  async rebuild(
    project: string,
    name: string,
    body: InstanceRebuildPost,
    options: OperationOptions = {},
  ): Promise<void> {
    await this.#run("POST", apiPath`/1.0/instances/${name}/rebuild`, {
      ...options,
      query: { project },
      body,
      // The instance does not show whether a rebuild succeeded.
      isDone: () => Promise.resolve(false),
    });
  }

  /** Renames a stopped instance together with its snapshots. */
  async rename(
    project: string,
    name: string,
    newName: string,
    options: OperationOptions = {},
  ): Promise<void> {
    await this.#run("POST", instancePath(name), {
      ...options,
      query: { project },
      body: { name: newName },
      isDone: async () => (await this.#status(project, newName)) !== undefined,
    });
  }

  /**
   * Creates a second instance with the snapshots of the first. Config and devices of the body
   * override those of the first instance. Its `volatile.*` keys are not copied: they come from the
   * body or are created again.
   */
  async copy(
    from: { readonly project: string; readonly name: string },
    project: string,
    body: Omit<InstancesPost, "source">,
    options: OperationOptions = {},
  ): Promise<void> {
    await this.#run("POST", "/1.0/instances", {
      ...options,
      query: { project },
      body: { ...body, source: { type: "copy", source: from.name, project: from.project } },
      // The instance does not show whether a copy succeeded.
      isDone: () => Promise.resolve(false),
    });
  }

  /** Returns the names of the snapshots, without the name of the instance, oldest first. */
  async snapshotNames(project: string, name: string, options: ReadOptions = {}): Promise<string[]> {
    const path = apiPath`/1.0/instances/${name}/snapshots`;
    const urls = await this.#connection.transport.read<string[] | null>(path, {
      ...options,
      query: { project },
    });
    return (urls ?? []).map((url) => {
      const last = (url.split("?")[0] ?? "").split("/").at(-1) ?? "";
      return decodeURIComponent(last);
    });
  }

  /**
   * Runs a program in a running instance, without a terminal. Returns its output and exit status.
   */
  exec(
    project: string,
    name: string,
    command: readonly string[],
    options: ExecOptions = {},
  ): Promise<ExecResult> {
    return execInstance(this.#connection, project, name, command, options);
  }

  /** Writes a file into an instance and replaces an existing one. */
  async putFile(
    project: string,
    name: string,
    path: string,
    content: Uint8Array<ArrayBuffer>,
    options: ReadOptions & { /** Octal, `0755`. */ readonly mode: string },
  ): Promise<void> {
    const { mode, ...rest } = options;
    await this.#connection.transport.request("POST", apiPath`/1.0/instances/${name}/files`, {
      ...rest,
      query: { project, path },
      content,
      headers: {
        "Content-Type": "application/octet-stream",
        "X-Incus-type": "file",
        "X-Incus-mode": mode,
        "X-Incus-uid": "0",
        "X-Incus-gid": "0",
        "X-Incus-write": "overwrite",
      },
    });
  }

  async deleteFile(
    project: string,
    name: string,
    path: string,
    options: ReadOptions = {},
  ): Promise<void> {
    const query = { project, path };
    await this.#connection.transport.request("DELETE", apiPath`/1.0/instances/${name}/files`, {
      ...options,
      query,
    });
  }

  /**
   * Runs a program with streaming input and output, with or without a terminal. Returns its exit
   * status.
   */
  execStream(
    project: string,
    name: string,
    command: readonly string[],
    options: ExecStreamOptions,
  ): Promise<number> {
    return execStream(this.#connection, project, name, command, options);
  }

  /**
   * Reads instances, and reads again while one is being restored. While Incus restores a snapshot
   * it removes the config and then writes the old one: a machine read in between has none, and no
   * marks either. A client that has gone may have started the restore. It takes only a moment.
   */
  async #list<T extends Instance>(query: Query, options: ReadOptions): Promise<T[]> {
    for (let attempt = 1;; attempt++) {
      const all = await this.#connection.transport.read<Unsettled<T>[]>("/1.0/instances", {
        ...options,
        query,
      });
      const settled = all.every(({ config, devices }) => config !== null && devices !== null);
      if (settled || attempt === SETTLE_ATTEMPTS || options.signal?.aborted) {
        return all.map((each) =>
          ({
            ...each,
            config: each.config ?? {},
            devices: each.devices ?? {},
          }) as T
        );
      }
      await sleep(SETTLE_MS);
    }
  }

  /** Incus 6.0 answers a PATCH at once, other versions answer with a background operation. */
  async #write(
    method: "PUT" | "PATCH",
    project: string,
    name: string,
    body: InstancePatch,
    options: OperationOptions & WriteOptions,
  ): Promise<void> {
    await this.#run(method, instancePath(name), {
      ...options,
      query: { project },
      body,
      isDone: async () => {
        const { value } = await this.get(project, name);
        return Object.entries(body.config ?? {})
          .every(([key, wanted]) => (value.config[key] ?? "") === wanted);
      },
    });
  }

  /** Incus did not change the busy instance, so this waits a little and asks again. */
  async #run(method: Method, path: string, options: RunOptions): Promise<void> {
    const { operations } = this.#connection;
    await retryPassing(
      INSTANCE_BUSY,
      () => operations.run(method, path, options),
      options.signal,
    );
  }

  async #status(project: string, name: string): Promise<string | undefined> {
    return (await orMissing(this.get(project, name)))?.value.status;
  }
}

/** Incus's refusal of a start: of "The instance", or of "The container" in older words. */
const ALREADY_RUNNING = /^The (?:instance|container) is already running$/;

const SETTLE_ATTEMPTS = 40;
const SETTLE_MS = 250;

/** The form in which Incus may return an instance that it is restoring. */
type Unsettled<T extends Instance> = Omit<T, "config" | "devices"> & {
  readonly config: Instance["config"] | null;
  readonly devices: Instance["devices"] | null;
};

const STATUS_AFTER: Readonly<Record<InstanceStatePut["action"], string>> = {
  start: "Running",
  restart: "Running",
  unfreeze: "Running",
  stop: "Stopped",
  freeze: "Frozen",
};

function instancePath(name: string): string {
  return apiPath`/1.0/instances/${name}`;
}

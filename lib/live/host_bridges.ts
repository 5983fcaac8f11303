import type { HostBridges } from "../apply/step_context.ts";
import type { Addressing } from "../addressing/addressing.ts";
import type { HostInterface, HostRoute } from "../addressing/host_networks.ts";
import { PATIENCE_MS, runCommand } from "../host/command.ts";
import type { Infra } from "../infra/infra.ts";
import { nicsOf } from "../nftables/nic.ts";
import type { IncusState } from "../plan/actual_state.ts";
import type { BridgeLink } from "../resource/bridge_link.ts";
import type { ActualInstance } from "../resource/instance.ts";
import { portsOf } from "../resource/instance_ports.ts";
import { MARK, type Owner } from "../resource/mark.ts";
import type { ActualResource } from "../resource/resource.ts";
import { readHostNetworks, type SeenNetworks } from "./host_networks.ts";
import { optional } from "../diag/optional.ts";

/** The ports that belong on the bridges of an infra. */
export interface Plugs {
  /** Bridge -> ports of its running machines. */
  readonly running: ReadonlyMap<string, readonly string[]>;
  /** Every port of a machine of the infra, running or not. */
  readonly known: ReadonlySet<string>;
  /**
   * Port -> bridge of this infra, for machines of others: they are reported as strangers and left
   * alone.
   */
  readonly guests: ReadonlyMap<string, string>;
}

/** Returns the ports by infra.yml and Incus. An orphan of this infra is no stranger. */
export function plugsOf(
  infra: Infra,
  addressing: Addressing,
  owner: Owner,
  { resources }: IncusState,
): Plugs {
  const nics = nicsOf(infra, addressing);
  const instances = resources.filter((each) => each.kind === "instance");
  const isOurs = ({ config }: ActualInstance) => config[MARK.infra] === owner.infraId;
  const ours = instances.filter(isOurs);
  const bridges = new Set([...addressing.domains.values()].map(({ bridge }) => bridge));
  const runs = new Map(
    ours.filter(({ status }) => status === "Running")
      .map((each) => [`${each.addr.project}/${each.addr.name}`, portsOf(each)]),
  );
  // A port of the lock counts only if the machine has it: otherwise the interface is another's.
  const running = nics.filter(({ machine, port }) =>
    runs.get(`${addressing.machines.get(machine)?.domain}/${machine}`)?.has(port)
  );
  return {
    running: new Map(
      [...Map.groupBy(running, ({ bridge }) => bridge)].map(([bridge, all]) =>
        [bridge, all.map(({ port }) => port)] as const
      ),
    ),
    known: new Set([
      ...nics.map(({ port }) => port),
      ...ours.flatMap((each) => [...portsOf(each).keys()]),
    ]),
    guests: new Map(
      instances.filter((each) => !isOurs(each))
        .flatMap((each) => [...portsOf(each)].filter(([, bridge]) => bridges.has(bridge))),
    ),
  };
}

/** The bridges in the kernel, from one reading of the host. */
class BridgeLinks {
  readonly #interfaces: ReadonlyMap<string, HostInterface>;
  readonly #ports: ReadonlyMap<string | undefined, readonly HostInterface[]>;
  readonly #routes: ReadonlyMap<string | undefined, readonly HostRoute[]>;
  readonly #listeners: readonly string[] | undefined;
  readonly #plugs: Plugs;

  constructor({ interfaces, routing, listeners }: SeenNetworks, plugs: Plugs) {
    this.#interfaces = new Map(interfaces.map((each) => [each.name, each]));
    this.#ports = Map.groupBy(interfaces, ({ master }) => master);
    const routes = [...routing?.ipv4.routes ?? [], ...routing?.ipv6.routes ?? []];
    this.#routes = Map.groupBy(
      routes.filter(({ type, gateway, table }) =>
        type === undefined && gateway === undefined && table === undefined
      ),
      ({ dev }) => dev,
    );
    this.#listeners = listeners;
    this.#plugs = plugs;
  }

  of(bridge: string): BridgeLink {
    const own = this.#interfaces.get(bridge);
    const { running, known, guests } = this.#plugs;
    return {
      stands: own !== undefined,
      up: own?.up ?? false,
      addresses: (own?.addresses ?? []).filter((each) => !each.startsWith("fe80:")),
      routes: (this.#routes.get(bridge) ?? []).map(({ dst }) => dst),
      ...optional({ master: own?.master, listeners: this.#listeners }),
      ports: Object.fromEntries(
        (running.get(bridge) ?? []).flatMap((name) => {
          const port = this.#interfaces.get(name);
          return port === undefined ? [] : [[name, port.master ?? ""]];
        }),
      ),
      strangers: (this.#ports.get(bridge) ?? []).map(({ name }) => name)
        .filter((name) => !known.has(name) && guests.get(name) !== bridge),
    };
  }
}

/** Returns the state with the kernel's view of this infra's bridges added. */
export function withLinks(
  state: IncusState,
  ownedBridges: ReadonlySet<string>,
  around: SeenNetworks,
  plugs: Plugs,
): IncusState {
  // There was no reading: in an admin container whose host does not answer.
  if (around.routing === undefined) return state;
  const links = new BridgeLinks(around, plugs);
  const withLink = (resource: ActualResource): ActualResource =>
    resource.kind === "network" && ownedBridges.has(resource.addr.name)
      ? { ...resource, link: links.of(resource.addr.name) }
      : resource;
  return { ...state, resources: state.resources.map(withLink) };
}

/** Access to the bridges of this host, for the code that repairs them. */
export function hostBridges(plugs: Plugs): HostBridges {
  const set = async (...what: string[]) => {
    await runCommand(["ip", "link", "set", "dev", ...what], { timeoutMs: PATIENCE_MS });
  };
  return {
    read: async (bridge) => new BridgeLinks(await readHostNetworks(), plugs).of(bridge),
    plug: (port, bridge) => set(port, "up", "master", bridge),
    unplug: (port) => set(port, "nomaster"),
  };
}

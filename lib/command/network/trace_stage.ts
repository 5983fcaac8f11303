import { createHash } from "node:crypto";
import pLimit from "p-limit";
import type { Addressing, DomainAddress } from "../../addressing/addressing.ts";
import { type Infra, machinesOf } from "../../infra/infra.ts";
import type { HostLink } from "../../nftables/host_link.ts";
import { readLinks } from "../../nftables/host_link.ts";
import { isLocalInterface } from "../../nftables/local_interface.ts";
import {
  type Stage,
  type StageInterface,
  type StagePacket,
  type StagePort,
  STRANGER_MAC,
} from "../../nftables/stage.ts";
import type { ProbePlace, Service } from "../../verify/probe.ts";
import { type Route, type RouteOptions, routeTo } from "./route.ts";
import { optional } from "../../diag/optional.ts";

/** One end of a flow in a question. */
export interface End {
  /** The name as the user wrote it. */
  readonly name: string;
  readonly place: ProbePlace;
  readonly address: string;
  /** The port of a machine that infra.yml no longer has. */
  readonly port?: EndPort;
}

interface EndPort {
  readonly bridge: string;
  readonly name: string;
  readonly mac: string;
}

/** A flow to test. */
export interface TraceQuestion {
  readonly from: End;
  readonly to: End;
  readonly service: Service;
}

/** A stage for a list of questions, and the host's routes for each. */
export interface BuiltStage {
  readonly stage: Stage;
  /** The target where each packet must arrive, and the reason if the host has no route for it. */
  readonly ways: readonly { readonly target: string; readonly refused?: string }[];
}

interface StageContext {
  readonly infra: Infra;
  readonly addressing: Addressing;
  /** Forwards packets, whatever the host's settings say. */
  readonly forwards?: boolean;
  readonly signal: AbortSignal;
}

/** Most questions to `ip` at the same time. */
const AT_A_TIME = 8;

/** Most interfaces in the stage that belong to no domain and to no question. */
const MOST_OTHERS = 64;

/**
 * Builds the interfaces of the host for a copy of the live rules: those of the domains in question,
 * and the host's own, since another table may send a packet by any of them.
 */
export async function buildStage(
  questions: readonly TraceQuestion[],
  { infra, addressing, forwards = false, signal }: StageContext,
): Promise<BuiltStage> {
  const links = await readLinks({ signal });
  const host = new StageHost(infra, addressing, links);
  const limit = pLimit(AT_A_TIME);
  const ways = await Promise.all(
    questions.map((question) => limit(() => wayOf(question, host, { forwards, signal }))),
  );
  const used = new Set(ways.flatMap(({ interfaces }) => interfaces));
  const interfaces = host.interfaces(used);
  const ports = new Map(
    interfaces.map(({ name, kind, ports: [first] }) =>
      [name, kind === "card" ? name : first?.name ?? name] as const
    ),
  );
  const staged = new Set(interfaces.map(({ name }) => name));
  const routes = new Map(
    ways.flatMap((way) => way.routes).filter(({ via }) => staged.has(via)).map((each) =>
      [each.to, each] as const
    ),
  );
  return {
    stage: {
      interfaces,
      otherAddresses: links.filter(({ name }) => name !== "lo" && !staged.has(name))
        .flatMap(({ addresses }) => addresses.map(hostAddress)),
      routes: [...routes.values()],
      forwards,
      packets: ways.map(({ packet }) => ({
        ...packet,
        into: packet.into === undefined ? undefined : ports.get(packet.into) ?? packet.into,
      })),
    },
    ways: ways.map(({ target, refused }) => ({
      target: ports.get(target) ?? target,
      ...optional({ refused }),
    })),
  };
}

function hostAddress(address: string): string {
  return `${address.split("/")[0]}/${address.includes(":") ? 128 : 32}`;
}

interface Way {
  /** `into` names an interface if the port does not matter. */
  readonly packet: StagePacket;
  readonly interfaces: readonly string[];
  readonly routes: readonly { readonly to: string; readonly via: string }[];
  /** A port, an interface, or `host`. */
  readonly target: string;
  readonly refused?: string;
}

async function wayOf(
  { from, to, service }: TraceQuestion,
  host: StageHost,
  { forwards, signal }: { readonly forwards: boolean; readonly signal: AbortSignal },
): Promise<Way> {
  const [source, published] = [host.port(from), host.published(to, service)];
  const target = published ?? host.port(to);
  const reached = published?.address ?? to.address;
  const neighbours = source !== undefined && target !== undefined &&
    source.bridge === target.bridge && published === undefined;
  const into = from.place.kind === "host"
    ? undefined
    : source?.bridge ?? await host.interfaceOf(from, signal);
  const packet: StagePacket = {
    into: source?.name ?? into,
    fromMac: source?.mac ?? STRANGER_MAC,
    ...(neighbours ? { toMac: target.mac } : {}),
    from: from.address,
    to: to.address,
    ...service,
  };
  const interfaces = [into, target?.bridge].filter((each) => each !== undefined);
  const ends = {
    packet,
    target: target?.name ?? "host",
  };
  if (neighbours) return { ...ends, interfaces, routes: [] };
  if (to.place.kind === "host" && published === undefined) {
    return {
      ...ends,
      interfaces: [...interfaces, await host.interfaceOf(to, signal)],
      // The reply to a stranger goes out by the interface that its packet came in by.
      routes: source === undefined && into !== undefined ? [{ to: from.address, via: into }] : [],
    };
  }
  // Without forwarding, the kernel has no route for others' packets: the host's own route is used
  // instead.
  const routed = async (address: string, options: RouteOptions): Promise<Route> => {
    const route = await routeTo(address, options);
    return route.refused === undefined || !forwards ? route : await routeTo(address, { signal });
  };
  const there = await routed(reached, {
    signal,
    ...(into === undefined || !host.stands(into) ? {} : { from: from.address, iif: into }),
  });
  const out = there.dev ?? target?.bridge ?? "";
  const back = from.place.kind === "host" || !host.stands(out) ? {} : await routed(from.address, {
    signal,
    from: reached,
    iif: out,
  });
  const home = back.dev ?? into;
  return {
    ...ends,
    target: target?.name ?? out,
    interfaces: [...interfaces, out, home ?? ""].filter((each) => each !== ""),
    routes: [
      ...(out === "" ? [] : [{ to: reached, via: out }]),
      ...(home === undefined || from.place.kind === "host"
        ? []
        : [{ to: from.address, via: home }]),
    ],
    ...optional({ refused: there.refused }),
  };
}

/** A machine's port, from infra.yml or from the live state. */
interface MachinePort extends EndPort {
  readonly address: string;
}

/** The parts of the host that the stage is built from. */
class StageHost {
  readonly #links: ReadonlyMap<string, HostLink>;
  readonly #domains: ReadonlyMap<string, DomainAddress>;
  /** Ports of the machines in question, by bridge. */
  readonly #ports = new Map<string, Map<string, MachinePort>>();

  constructor(
    readonly infra: Infra,
    readonly addressing: Addressing,
    links: readonly HostLink[],
  ) {
    this.#links = new Map(links.map((link) => [link.name, link]));
    this.#domains = new Map(
      [...addressing.domains.values()].map((domain) => [domain.bridge, domain]),
    );
  }

  stands(name: string): boolean {
    return this.#links.has(name);
  }

  /** Returns the port of a machine; undefined for another end. */
  port({ place, address, port }: End): MachinePort | undefined {
    if (place.kind !== "machine") return undefined;
    if (port !== undefined) return this.#plug({ ...port, address });
    const bridge = this.addressing.domains.get(place.domain)?.bridge ?? "";
    const machine = this.addressing.machines.get(place.machine);
    // An address that no machine has: a stranger that takes it has a port of its own.
    return this.#plug(
      machine === undefined
        ? { bridge, name: freePort(bridge), mac: STRANGER_MAC, address }
        : { bridge, name: machine.hostName, mac: machine.hwaddr, address },
    );
  }

  #plug(port: MachinePort): MachinePort {
    const all = this.#ports.get(port.bridge) ?? new Map<string, MachinePort>();
    this.#ports.set(port.bridge, all);
    all.set(`${port.name} ${port.address}`, port);
    return port;
  }

  /** Returns the machine that a port of the host is published to. */
  published({ place, address }: End, { protocol, port }: Service): MachinePort | undefined {
    if (place.kind !== "host" || place.gatewayOf !== undefined) return undefined;
    for (const machine of machinesOf(this.infra)) {
      const found = machine.publish.find((each) =>
        each.host === port && each.protocol === protocol
      );
      const live = this.addressing.machines.get(machine.name);
      const reached = address.includes(":") ? live?.ipv6 : live?.ip;
      if (found === undefined || live === undefined || reached === undefined) continue;
      const bridge = this.addressing.domains.get(machine.domain)?.bridge ?? "";
      return this.#plug({ bridge, name: live.hostName, mac: live.hwaddr, address: reached });
    }
    return undefined;
  }

  /** Returns the interface of an end that is not a machine. */
  async interfaceOf({ place, address }: End, signal: AbortSignal): Promise<string> {
    if (place.kind === "outside" && place.interface !== "") return place.interface;
    const own = place.kind === "host" && place.gatewayOf !== undefined
      ? this.addressing.domains.get(place.gatewayOf)?.bridge
      : undefined;
    if (own !== undefined) return own;
    const carrier = [...this.#links.values()].find(({ addresses }) =>
      addresses.some((each) => each.split("/")[0] === address)
    );
    return carrier?.name ?? (await routeTo(address, { signal })).dev ?? "";
  }

  interfaces(used: ReadonlySet<string>): StageInterface[] {
    const others = [...this.#links.values()].filter(({ name, addresses, master }) =>
      name !== "lo" && master === undefined && !used.has(name) && !this.#domains.has(name) &&
      addresses.length > 0
    ).slice(0, MOST_OTHERS).map(({ name }) => name);
    return [...used, ...others].filter((name) => name !== "" && name !== "lo")
      .map((name) => this.#interface(name));
  }

  #interface(name: string): StageInterface {
    const link = this.#links.get(name);
    const domain = this.#domains.get(name);
    const isLocal = domain !== undefined || this.#ports.has(name) ||
      isLocalInterface(name, link?.kind ?? "");
    const declared = domain === undefined ? [] : [
      `${domain.gateway}/24`,
      ...(domain.ipv6 === undefined ? [] : [`${domain.ipv6.gateway}/64`]),
    ];
    return {
      name,
      kind: isLocal ? "local" : "card",
      index: link?.index,
      isUp: link?.isUp ?? true,
      addresses: link?.addresses ?? declared,
      ports: isLocal ? this.#portsOf(name) : [],
    };
  }

  #portsOf(bridge: string): StagePort[] {
    const known = [...this.#ports.get(bridge)?.values() ?? []];
    if (known.length > 0) {
      return [...new Set(known.map(({ name }) => name))].map((name) => ({
        name,
        index: this.#links.get(name)?.index,
        behind: known.filter((each) => each.name === name)
          .map(({ mac, address }) => ({ mac, addresses: [address] })),
      }));
    }
    // Of another bridge, the port that leads away from this host, if there is one: a network card.
    const members = [...this.#links.values()].filter(({ master }) => master === bridge);
    const member = members.find(({ kind }) => !["veth", "tun"].includes(kind)) ?? members[0];
    return [{
      name: member?.name ?? freePort(bridge),
      index: member?.index,
      behind: [{ mac: STRANGER_MAC, addresses: [] }],
    }];
  }
}

/** Returns the name of a port that belongs to no machine. */
function freePort(bridge: string): string {
  return `p-${createHash("sha256").update(bridge).digest("hex").slice(0, 12)}`;
}

import type { Addressing } from "../addressing/addressing.ts";
import { type Infra, machinesOf, type NetworkPolicy, type PolicyEnd } from "../infra/infra.ts";
import { expectedVerdict, policiesOpening } from "./expect.ts";
import type { OutsidePlace, Probe, ProbePlace, Service } from "./probe.ts";
import { optional } from "../diag/optional.ts";

/** The facts of the live host that the plan depends on. */
export interface Scene {
  readonly infra: Infra;
  readonly addressing: Addressing;
  /** Machines where a prober can be started. */
  readonly running: ReadonlySet<string>;
  /** Addresses of the host that are not a domain's gateway. */
  readonly hostAddresses: readonly string[];
  /**
   * Gateways of other infras' domains, which must be closed, whatever a policy says of the host.
   */
  readonly otherGateways: readonly { readonly address: string; readonly of: string }[];
  /** Whether the host itself can send probes: needs root. */
  readonly host: boolean;
  readonly outside: readonly OutsidePlace[];
}

interface Wishes {
  /** Only pairs with at least one of these domains; undefined: all. */
  readonly domains?: ReadonlySet<string> | undefined;
  /** Probe each machine and each policy port, not one as an example. */
  readonly full: boolean;
}

/**
 * A UDP port where the host's prober listens, so that an arrival is seen even without an answer.
 */
export const HOST_ECHO_PORT = 47_613;
/** Tested between each pair, allowed or not. */
const COMMON: readonly Service[] = [
  { protocol: "tcp", port: 22 },
  { protocol: "udp", port: 53 },
  { protocol: "icmp", port: 0 },
];
const HOST_SERVICES: readonly Service[] = [
  { protocol: "tcp", port: 22 },
  { protocol: "tcp", port: 8443 },
  { protocol: "udp", port: HOST_ECHO_PORT },
  { protocol: "icmp", port: 0 },
];
const GATEWAY_SERVICES: readonly Service[] = [
  { protocol: "udp", port: 53 },
  { protocol: "tcp", port: 53 },
  ...HOST_SERVICES,
];
/** Number of ports tested for a policy, unless `full`: those at the ends of its ranges. */
const PORTS_OF_POLICY = 4;

/**
 * Plans the probes: between each ordered pair of the domains' machines, from and to the host, to
 * other gateways, to the outside. For policies: their ports, the ports next to them, and the other
 * protocol. Pure.
 */
export function planProbes(scene: Scene, wishes: Wishes): Probe[] {
  const places = chosenMachines(scene, wishes);
  const probes: Draft[] = [];
  for (const from of places) {
    for (const to of places) {
      if (from !== to && isWished(from, to, wishes)) {
        probes.push(...between(scene, from, to, wishes));
      }
    }
    if (!isWished(from, undefined, wishes)) continue;
    probes.push(...toHost(scene, from, wishes), ...toOutside(scene, from, wishes));
  }
  if (scene.host) {
    for (const to of places) {
      if (isWished(to, undefined, wishes)) probes.push(...fromHost(scene, to, wishes));
    }
  }
  return probes.map((probe, n) => ({ ...probe, n }));
}

type ProbeMachine = ProbePlace & { readonly kind: "machine" };

/**
 * Returns the machines that represent their domains: the first that runs, a second one (to see that
 * a machine's policy does not open its neighbour), and those that policies name. With `full` all.
 */
function chosenMachines({ infra, running }: Scene, { full }: Wishes): ProbeMachine[] {
  const named = new Set(
    infra.policies.flatMap(({ from, to }) =>
      [from, to].flatMap((end) => end.kind === "machines" ? end.machines : [])
    ),
  );
  return infra.domains.filter(({ enabled }) => enabled).flatMap((domain) => {
    const machines = domain.machines.filter(({ name }) => running.has(name));
    const bystander = machines.find(({ name }, i) => i > 0 && !named.has(name));
    const chosen = machines.filter((machine, i) =>
      full || i === 0 || named.has(machine.name) || machine === bystander
    );
    return chosen.map(({ name }): ProbeMachine => ({
      kind: "machine",
      machine: name,
      domain: domain.name,
    }));
  });
}

function isWished(a: ProbeMachine, b: ProbeMachine | undefined, { domains }: Wishes): boolean {
  return domains === undefined || domains.has(a.domain) ||
    (b !== undefined && domains.has(b.domain));
}

type Draft = Omit<Probe, "n">;

function between(scene: Scene, from: ProbeMachine, to: ProbeMachine, wishes: Wishes): Draft[] {
  const services = from.domain === to.domain
    ? COMMON
    : distinct([...COMMON, ...policyServices(scene.infra, from, to, wishes)]);
  const [source, target] = [from, to].map(({ machine }) => scene.addressing.machines.get(machine));
  const families = [[4, source?.ip, target?.ip], [6, source?.ipv6, target?.ipv6]] as const;
  return families.flatMap(([family, seen, address]) =>
    seen === undefined || address === undefined
      ? []
      : services.map((service) => draft(scene, from, to, service, family, address, seen))
  );
}

/**
 * Returns the ports of the policies that concern both, in either direction: the open ports, and
 * those next to them.
 */
function policyServices(
  infra: Infra,
  from: ProbeMachine,
  to: ProbeMachine,
  { full }: Wishes,
): Service[] {
  const touches = (end: PolicyEnd, { machine, domain }: ProbeMachine) =>
    end.kind === "domains" ? end.domains.includes(domain) : end.kind === "machines" &&
      end.machines.some((name) => name === machine || siblings(infra, name, domain));
  return infra.policies.filter((policy) =>
    (touches(policy.from, from) && touches(policy.to, to)) ||
    (touches(policy.to, from) && touches(policy.from, to))
  ).flatMap((policy) => servicesOf(policy, full));
}

/**
 * True if a machine that a policy names is in that domain: its neighbours are tested at the same
 * ports.
 */
function siblings(infra: Infra, machine: string, domain: string): boolean {
  return infra.domains.some(({ name, machines }) =>
    name === domain && machines.some((each) => each.name === machine)
  );
}

function servicesOf({ ports, protocol }: NetworkPolicy, full: boolean): Service[] {
  if (ports === "all") return [{ protocol: protocol ?? "tcp", port: 8080 }];
  const ends = ports.flatMap(({ first, last }) => first === last ? [first] : [first, last]);
  const own = protocol ?? "tcp";
  const other = own === "tcp" ? "udp" : "tcp";
  const chosen = full ? ends : ends.slice(0, PORTS_OF_POLICY);
  const beside = ports.slice(0, full ? undefined : 1).flatMap((
    { first, last },
  ) => [first - 1, last + 1]);
  return [
    ...chosen.map((port): Service => ({ protocol: own, port })),
    ...chosen.slice(0, 1).map((port): Service => ({ protocol: other, port })),
    ...beside.filter((port) => port > 0 && port < 65_536)
      .map((port): Service => ({ protocol: own, port })),
  ];
}

function toHost(scene: Scene, from: ProbeMachine, { full }: Wishes): Draft[] {
  const { infra, addressing, hostAddresses, otherGateways } = scene;
  const declared = distinct(
    infra.policies.filter(({ to, from, bidirectional }) =>
      to.kind === "host" || (bidirectional && from.kind === "host")
    ).flatMap((policy) => servicesOf(policy, full)),
  );
  const own = addressing.domains.get(from.domain);
  const drafts: Draft[] = [];
  const add = (address: string | undefined, to: ProbePlace, services: readonly Service[]) => {
    if (address === undefined) return;
    const family = address.includes(":") ? 6 : 4;
    if (family === 6 && own?.ipv6 === undefined) return;
    for (const service of services) drafts.push(draft(scene, from, to, service, family, address));
  };
  for (const address of addressing.domains.values()) {
    const to: ProbePlace = { kind: "host", gatewayOf: address.domain };
    const mine = address === own;
    // All other gateways are alike: only the ports that show most.
    const services = mine
      ? distinct([...GATEWAY_SERVICES, ...declared])
      : GATEWAY_SERVICES.slice(0, 3);
    add(address.gateway, to, services);
    add(address.ipv6?.gateway, to, services);
  }
  for (const { address, of } of otherGateways) {
    add(address, { kind: "host", gatewayOf: of }, GATEWAY_SERVICES.slice(0, 3));
  }
  for (const address of hostAddresses) {
    add(address, { kind: "host" }, distinct([...HOST_SERVICES, ...declared]));
  }
  return drafts;
}

function toOutside(scene: Scene, from: ProbeMachine, { full }: Wishes): Draft[] {
  const { infra, addressing, outside } = scene;
  const services = distinct([
    { protocol: "tcp", port: 443 },
    { protocol: "udp", port: 53 },
    { protocol: "icmp", port: 0 },
    ...infra.policies.filter(({ from, to }) =>
      [from.kind, to.kind].some((kind) => kind === "outside" || kind === "cidr")
    ).flatMap((policy) => servicesOf(policy, full)),
  ]);
  const ipv6 = addressing.domains.get(from.domain)?.ipv6 !== undefined;
  return outside.flatMap((to) => {
    const family = to.address.includes(":") ? 6 : 4;
    if (family === 6 && !ipv6) return [];
    return services.map((service) => draft(scene, from, to, service, family, to.address));
  });
}

function fromHost(scene: Scene, to: ProbeMachine, { full }: Wishes): Draft[] {
  const declared = scene.infra.policies.filter(({ from, to, bidirectional }) =>
    from.kind === "host" || (bidirectional && to.kind === "host")
  ).flatMap((policy) => servicesOf(policy, full));
  const services = distinct([...COMMON, ...declared]);
  const address = scene.addressing.machines.get(to.machine);
  return [address?.ip, address?.ipv6].flatMap((each, i) =>
    each === undefined
      ? []
      : services.map((service) =>
        draft(scene, { kind: "host" }, to, service, i === 0 ? 4 : 6, each)
      )
  );
}

function draft(
  { infra }: Scene,
  from: ProbePlace,
  to: ProbePlace,
  service: Service,
  family: 4 | 6,
  address: string,
  source?: string,
): Draft {
  const { open } = expectedVerdict(infra, from, to, service);
  const policies = open ? policiesOpening(infra, from, to, service).map(({ id }) => id) : [];
  return {
    ...service,
    from,
    to,
    family,
    address,
    ...optional({ source }),
    expected: open ? "open" : "closed",
    ...optional({ policies: policies.length === 0 ? undefined : policies }),
  };
}

function distinct(services: readonly Service[]): Service[] {
  return [...new Map(services.map((each) => [`${each.protocol}/${each.port}`, each])).values()];
}

/** Returns the machines of enabled domains that cannot be probed, as they do not run. */
export function notRunning({ infra, running }: Scene): string[] {
  return machinesOf(infra).map(({ name }) => name).filter((name) => !running.has(name));
}

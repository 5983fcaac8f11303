import type { Addressing } from "../addressing/addressing.ts";
import type { Infra, NetworkPolicy, PolicyEnd } from "../infra/infra.ts";
import { type AddressInterval, addressInterval, type Interval, without } from "./interval.ts";
import { type Box, disjointBoxes } from "./disjoint_boxes.ts";

/** The set of the ruleset that a flow belongs to. */
type FlowSet = "policies" | "to_outside" | "from_outside" | "to_host";

/** The flows that the policies open, as disjoint boxes for each set and family. */
type PolicyFlows = Readonly<Record<FlowSet, Readonly<Record<4 | 6, readonly Box[]>>>>;

/** One place that an end of a policy stands for. */
type PolicyPlace =
  /** `zone` is the domain; two ends in one domain need no policy. Undefined: a CIDR. */
  | { readonly at: "address"; readonly zone?: string; readonly addresses: AddressInterval }
  | { readonly at: "outside" }
  | { readonly at: "host" };

const ANY_PROTOCOL: Interval = { first: 0n, last: 255n };
const PROTOCOLS = { tcp: { first: 6n, last: 6n }, udp: { first: 17n, last: 17n } } as const;
const ANY_PORT: Interval = { first: 0n, last: 65535n };

/**
 * Returns all flows that the policies open. Sides of a box: source, destination, protocol,
 * destination port. The source is left out if it is the outside, the destination if it is the
 * outside or the host.
 *
 * A CIDR stands for addresses that are not the infra's own: a domain is named by its name, and a
 * domain added later is not covered by an old CIDR. `from: host` opens nothing, since the host
 * reaches everything anyway.
 */
export function policyFlows(infra: Infra, addressing: Addressing): PolicyFlows {
  const groups: Record<FlowSet, Record<4 | 6, Map<string, Box[]>>> = {
    policies: { 4: new Map(), 6: new Map() },
    to_outside: { 4: new Map(), 6: new Map() },
    from_outside: { 4: new Map(), 6: new Map() },
    to_host: { 4: new Map(), 6: new Map() },
  };
  const places = placesOf(addressing);
  for (const policy of infra.policies) {
    const [from, to] = [places(policy.from), places(policy.to)];
    for (const opened of openings(policy, from, to)) {
      const group = groups[opened.set][opened.version];
      const boxes = group.get(opened.zones);
      if (boxes === undefined) group.set(opened.zones, [opened.box]);
      else boxes.push(opened.box);
    }
  }
  // Boxes can overlap only within one pair of zones, so a thousand policies stay cheap.
  const flat = (set: FlowSet, version: 4 | 6) =>
    [...groups[set][version].values()].flatMap(disjointBoxes);
  const both = (set: FlowSet) => ({ 4: flat(set, 4), 6: flat(set, 6) });
  return {
    policies: both("policies"),
    to_outside: both("to_outside"),
    from_outside: both("from_outside"),
    to_host: both("to_host"),
  };
}

interface Opening {
  readonly set: FlowSet;
  readonly version: 4 | 6;
  /** Key of the group in which boxes can overlap. */
  readonly zones: string;
  readonly box: Box;
}

function* openings(
  policy: NetworkPolicy,
  from: readonly PolicyPlace[],
  to: readonly PolicyPlace[],
): Generator<Opening> {
  const services = servicesOf(policy);
  const pairs = from.flatMap((a) => to.map((b) => [a, b] as const));
  for (const [a, b] of pairs) {
    for (const service of services) {
      yield* opening(policy.id, a, b, service);
      if (policy.bidirectional) yield* opening(policy.id, b, a, service);
    }
  }
}

function* opening(
  policy: string,
  from: PolicyPlace,
  to: PolicyPlace,
  service: readonly Interval[],
): Generator<Opening> {
  if (from.at === "address" && to.at === "address") {
    if (from.addresses.version !== to.addresses.version || from.zone === to.zone) return;
    const sides = [from.addresses, to.addresses, ...service];
    yield {
      set: "policies",
      version: from.addresses.version,
      zones: `${from.zone ?? ""} ${to.zone ?? ""}`,
      box: { sides, policy },
    };
    return;
  }
  const inner = from.at === "address" ? from : to.at === "address" ? to : undefined;
  // Traffic between outside, host and foreign addresses involves no domain: these rules do not
  // decide it.
  if (inner?.zone === undefined) return;
  const set = inner === to
    ? (from.at === "outside" ? "from_outside" : undefined)
    : (to.at === "outside" ? "to_outside" : "to_host");
  if (set === undefined) return;
  yield {
    set,
    version: inner.addresses.version,
    zones: inner.zone,
    box: { sides: [inner.addresses, ...service], policy },
  };
}

function servicesOf({ ports, protocol }: NetworkPolicy): (readonly Interval[])[] {
  const protocols = protocol === undefined ? ANY_PROTOCOL : PROTOCOLS[protocol];
  if (ports === "all") return [[protocols, ANY_PORT]];
  return ports.map(({ first, last }) => [protocols, { first: BigInt(first), last: BigInt(last) }]);
}

/** Resolves ends; a CIDR is reduced to the addresses that are not the infra's own. */
function placesOf(addressing: Addressing): (end: PolicyEnd) => PolicyPlace[] {
  const own: AddressInterval[] = [...addressing.domains.values()].flatMap((domain) =>
    [domain.subnet, ...(domain.ipv6 === undefined ? [] : [domain.ipv6.subnet])].map(addressInterval)
  );
  const at = (zone: string, ...addresses: readonly (string | undefined)[]): PolicyPlace[] =>
    addresses.filter((each) => each !== undefined).map((each) => ({
      at: "address",
      zone,
      addresses: addressInterval(each),
    }));
  return (end) => {
    switch (end.kind) {
      case "domains":
        return end.domains.flatMap((name) => {
          const domain = known(addressing.domains, name);
          return at(name, domain.subnet, domain.ipv6?.subnet);
        });
      case "machines":
        return end.machines.flatMap((name) => {
          const machine = known(addressing.machines, name);
          return at(machine.domain, machine.ip, machine.ipv6);
        });
      case "cidr": {
        const whole = addressInterval(end.cidr);
        return without(whole, own.filter((each) => each.version === whole.version))
          .map((addresses) => ({ at: "address", addresses }));
      }
      case "host":
      case "outside":
        return [{ at: end.kind }];
    }
  };
}

/**
 * Returns the address of a name. Each name of a checked infra has one; a missing one is a bug, and
 * must not render as "no rule".
 */
export function known<T>(map: ReadonlyMap<string, T>, name: string): T {
  const value = map.get(name);
  if (value === undefined) throw new Error(`No address was assigned to "${name}"`);
  return value;
}

import {
  type Infra,
  machinesOf,
  type NetworkPolicy,
  type PolicyEnd,
  type Publish,
} from "../infra/infra.ts";
import { parseCidr } from "../infra/ip.ts";
import { type OutsidePlace, type ProbePlace, type Service, wayOut } from "./probe.ts";

/**
 * The verdict of infra.yml on a flow, read straight from it: a second opinion, which shares no code
 * with the ruleset. `policy` is the first one that opens it; a flow may also be open without a
 * policy (one domain, the gateway's DNS, the internet).
 */
export interface Verdict {
  readonly open: boolean;
  readonly policy?: NetworkPolicy;
  readonly publish?: { readonly machine: string; readonly publish: Publish };
  /** The reason in one word, for example `isolation`. */
  readonly because:
    | ("same-domain" | "policy" | "dns" | "internet" | "host" | "published")
    | "isolation"
    /** infra.yml does not decide it: a port of the host's own, reached from outside. */
    | "not-ours";
}

const CLOSED: Verdict = { open: false, because: "isolation" };

export function expectedVerdict(
  infra: Infra,
  from: ProbePlace,
  to: ProbePlace,
  service: Service,
): Verdict {
  if ([from, to].some((place) => place.kind === "machine" && place.orphan)) {
    return expectedOfOrphan(infra, from, to);
  }
  // The host is trusted: it may reach everything.
  if (from.kind === "host") return { open: true, because: "host" };
  if (from.kind === "outside" && to.kind !== "machine") {
    return expectedOfHost(infra, from, to, service);
  }
  // A machine may not send from an address that no machine has.
  if (from.kind === "machine" && from.nobody) return CLOSED;
  if (from.kind === "machine" && to.kind === "machine" && from.domain === to.domain) {
    // A port is bound to its machine's address, so an address without a machine is not reachable.
    if (to.nobody) return CLOSED;
    return { open: true, because: "same-domain" };
  }
  if (from.kind === "machine" && to.kind === "host" && to.gatewayOf !== undefined) {
    // Another domain's gateway is closed, whatever a policy says of the host.
    if (to.gatewayOf !== from.domain) return CLOSED;
    if (service.port === 53 && service.protocol !== "icmp") return { open: true, because: "dns" };
  }
  const policy = infra.policies.find((each) => opens(each, from, to, service));
  if (policy !== undefined) return { open: true, policy, because: "policy" };
  if (from.kind === "machine" && to.kind === "outside") {
    const internet = infra.domains.find(({ name }) => name === from.domain)?.internet;
    const open = internet?.kind === "via"
      ? internet.interfaces.includes(wayOut(to, from.domain))
      : internet?.kind === "full" || (internet?.kind === "public-only" && !to.private);
    if (open && (internet?.kind === "via" || to.isOutside)) {
      return { open: true, because: "internet" };
    }
  }
  return CLOSED;
}

/**
 * Left-over machines of a deleted domain may reach each other on their bridge. A machine that a
 * present domain no longer declares is not part of it any more.
 */
function expectedOfOrphan({ domains }: Infra, from: ProbePlace, to: ProbePlace): Verdict {
  if (from.kind !== "machine" || to.kind !== "machine" || from.domain !== to.domain) return CLOSED;
  if (to.nobody || domains.some(({ name }) => name === from.domain)) return CLOSED;
  return { open: true, because: "same-domain" };
}

/** anklume neither opens nor closes the host's own ports, except those that it publishes. */
function expectedOfHost(
  infra: Infra,
  from: OutsidePlace,
  to: ProbePlace,
  { protocol, port }: Service,
): Verdict {
  if (to.kind !== "host" || (to.gatewayOf !== undefined && !to.gatewayOf.includes("/"))) {
    return CLOSED;
  }
  const found = to.gatewayOf !== undefined
    ? []
    : machinesOf(infra).flatMap((machine) =>
      machine.publish.filter((each) => each.host === port && each.protocol === protocol)
        .map((publish) => ({ machine: machine.name, publish }))
    );
  if (found[0] === undefined) return { open: true, because: "not-ours" };
  // A port is published to the outside. A tunnel or another bridge is not the outside: there the
  // host itself answers.
  return from.isOutside
    ? { open: true, publish: found[0], because: "published" }
    : { open: true, because: "not-ours" };
}

/** Returns all policies that open a flow; there may be several. */
export function policiesOpening(
  infra: Infra,
  from: ProbePlace,
  to: ProbePlace,
  service: Service,
): NetworkPolicy[] {
  return infra.policies.filter((each) => opens(each, from, to, service));
}

function opens(policy: NetworkPolicy, from: ProbePlace, to: ProbePlace, service: Service): boolean {
  return covered(policy, service) &&
    (joins(policy.from, from, policy.to, to) ||
      (policy.bidirectional && joins(policy.to, from, policy.from, to)));
}

function covered({ ports, protocol }: NetworkPolicy, service: Service): boolean {
  if (protocol !== undefined && protocol !== service.protocol) return false;
  return ports === "all" ||
    ports.some(({ first, last }) => first <= service.port && service.port <= last);
}

function joins(
  fromEnd: PolicyEnd,
  from: ProbePlace,
  toEnd: PolicyEnd,
  to: ProbePlace,
): boolean {
  return matches(fromEnd, from) && matches(toEnd, to);
}

function matches(end: PolicyEnd, place: ProbePlace): boolean {
  switch (end.kind) {
    case "domains":
      return place.kind === "machine" && end.domains.includes(place.domain);
    case "machines":
      return place.kind === "machine" && end.machines.includes(place.machine);
    case "host":
      return place.kind === "host";
    case "outside":
      return place.kind === "outside" && place.isOutside;
    case "cidr":
      // A CIDR stands for addresses that are not the infra's own.
      return place.kind === "outside" && contains(end.cidr, place.address);
  }
}

function contains(cidr: string, address: string): boolean {
  const [network, host] = [parseCidr(cidr), parseCidr(address)];
  return network !== undefined && host !== undefined && network.version === host.version &&
    network.first <= host.first && host.last <= network.last;
}

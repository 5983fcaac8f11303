import {
  type Infra,
  machinesOf,
  type NetworkPolicy,
  type PolicyEnd,
  type Publish,
} from "../infra/infra.ts";
import { parseCidr } from "../infra/ip.ts";
import type { OutsidePlace, ProbePlace, Service } from "./probe.ts";

/**
 * What infra.yml says about a flow, read straight from it: a second opinion, which shares no code with the ruleset. `policy`
 * is the first that opens it; a flow may also be open by itself (one domain, the gateway's DNS, the internet).
 */
export interface Verdict {
  readonly open: boolean;
  readonly policy?: NetworkPolicy;
  readonly publish?: { readonly machine: string; readonly publish: Publish };
  /** In a word what opens it, or what forbids it: `isolation`. */
  readonly because:
    | ("same-domain" | "policy" | "dns" | "internet" | "host" | "published")
    | "isolation"
    /** Nothing that infra.yml has a say in: a port of the host's own, asked for from outside. */
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
  // The host is trusted: it reaches everything.
  if (from.kind === "host") return { open: true, because: "host" };
  if (from.kind === "outside" && to.kind !== "machine") {
    return expectedOfHost(infra, from, to, service);
  }
  // Nobody may send as one who is not there.
  if (from.kind === "machine" && from.nobody) return CLOSED;
  if (from.kind === "machine" && to.kind === "machine" && from.domain === to.domain) {
    // A port is bound to its machine's address: nobody else is reached by one.
    if (to.nobody) return CLOSED;
    return { open: true, because: "same-domain" };
  }
  if (from.kind === "machine" && to.kind === "host" && to.gatewayOf !== undefined) {
    // Another domain's gateway is nobody's, whatever a policy says of the host.
    if (to.gatewayOf !== from.domain) return CLOSED;
    if (service.port === 53 && service.protocol !== "icmp") return { open: true, because: "dns" };
  }
  const policy = infra.policies.find((each) => opens(each, from, to, service));
  if (policy !== undefined) return { open: true, policy, because: "policy" };
  if (from.kind === "machine" && to.kind === "outside") {
    const internet = infra.domains.find(({ name }) => name === from.domain)?.internet;
    const open = internet?.kind === "via"
      ? internet.interfaces.includes(to.interface)
      : internet?.kind === "full" || (internet?.kind === "public-only" && !to.private);
    if (open && (internet?.kind === "via" || to.isOutside)) {
      return { open: true, because: "internet" };
    }
  }
  return CLOSED;
}

/** What is left of a domain may meet on its bridge; what a domain has left belongs to it no more. */
function expectedOfOrphan({ domains }: Infra, from: ProbePlace, to: ProbePlace): Verdict {
  if (from.kind !== "machine" || to.kind !== "machine" || from.domain !== to.domain) return CLOSED;
  if (to.nobody || domains.some(({ name }) => name === from.domain)) return CLOSED;
  return { open: true, because: "same-domain" };
}

/** The host's own ports are not anklume's to open or close, those that it publishes excepted. */
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
  // A port is published to the outside, which a tunnel or another bridge is not: there the host answers itself.
  return from.isOutside
    ? { open: true, publish: found[0], because: "published" }
    : { open: true, because: "not-ours" };
}

/** Every policy that opens a flow; there may be several. */
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

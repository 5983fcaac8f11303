import type { SourceRange } from "../diag/diagnostic.ts";
import type { Infra } from "../infra/infra.ts";
import type { TraceStep } from "../nftables/trace_flow.ts";
import type { Verdict } from "./expect.ts";
import type { Place, Service } from "./probe.ts";

/** One flow, and what the live rules did with it. */
export interface TracedFlow {
  readonly from: Place;
  readonly to: Place;
  readonly service: Service;
  readonly source: string;
  readonly target: string;
  readonly steps: readonly TraceStep[];
  /** What infra.yml says. */
  readonly expected: Verdict;
}

/** Where in the live table the decision was made, and where in infra.yml it comes from. */
export interface Explanation {
  readonly passes: boolean;
  /** The rule that decided; undefined: none of anklume's saw the packet. */
  readonly step?: TraceStep;
  /** The set that opened it, and the key it was found by. */
  readonly lookup?: { readonly set: string; readonly key: string };
  readonly reason: string;
  readonly origin?: SourceRange;
  /** What one would do, or write in infra.yml, to change that. */
  readonly change: readonly string[];
  /** The live table does something else than infra.yml says. */
  readonly disagrees: boolean;
}

/** Sets whose mention says why a packet is let through. */
const OPENING =
  /@(policies|to_outside|from_outside|published|internet|services|to_host|own|via|ports)6?\b/;

export function explain(infra: Infra, flow: TracedFlow): Explanation {
  const { steps, expected } = flow;
  const dropped = steps.find(({ verdict }) => verdict === "drop");
  // Translation and the way into the bridge are no decisions of their own.
  const leaving = steps.findIndex(({ chain }) => chain === "postrouting");
  const accepted = steps.slice(0, leaving === -1 ? undefined : leaving).findLast((each) =>
    each.verdict === "accept" && each.chain !== "prerouting" &&
    (each.family === "inet" || each.chain === "forward")
  );
  const passes = dropped === undefined && accepted !== undefined;
  const step = dropped ?? accepted;
  const because = passes ? opener(steps) : undefined;
  const set = because?.match(OPENING)?.[1];
  return {
    passes,
    ...(step === undefined ? {} : { step }),
    ...(set === undefined ? {} : lookupOf(set, flow)),
    ...(passes ? whyOpen(infra, set, flow) : whyClosed(infra, dropped, flow)),
    disagrees: passes !== expected.open,
  };
}

function opener(steps: readonly TraceStep[]): string | undefined {
  return steps.findLast(({ rule, chain, verdict }) =>
    OPENING.test(rule) && chain !== "prerouting" && verdict !== "continue" && verdict !== "return"
  )?.rule;
}

function lookupOf(set: string, { service, source, target, to, from }: TracedFlow) {
  const six = source.includes(":");
  const protocol = service.protocol === "icmp" && six ? "ipv6-icmp" : service.protocol;
  const rest = `${protocol} . ${service.port}`;
  const keys: Readonly<Record<string, string>> = {
    policies: `${source} . ${target} . ${rest}`,
    to_outside: `${source} . ${rest}`,
    to_host: `${source} . ${rest}`,
    from_outside: `${target} . ${rest}`,
  };
  const key = keys[set];
  if (key === undefined || from.kind === "host" || to === undefined) return {};
  return { lookup: { set: six ? `${set}6` : set, key } };
}

type Words = Pick<Explanation, "reason" | "change"> & { readonly origin?: SourceRange };

function whyOpen(
  infra: Infra,
  set: string | undefined,
  { from, to, service, expected }: TracedFlow,
): Words {
  switch (set) {
    case "own":
    case "ports":
      return {
        reason: "both are in one domain, whose machines reach each other",
        change: ["move one of them to another domain"],
      };
    case "services":
      return { reason: "its own gateway's DHCP and DNS are open to every domain", change: [] };
    case "internet":
    case "via": {
      const domain = infra.domains.find(({ name }) =>
        from.kind === "machine" && name === from.domain
      );
      const origin = domain?.ranges.get("internet");
      return {
        reason: `the domain ${domain?.name} has internet`,
        ...(origin === undefined ? {} : { origin }),
        change: [`internet: false    # of ${domain?.name}`],
      };
    }
    case "published": {
      const found =
        infra.domains.flatMap(({ machines }) => machines).flatMap((machine) =>
          machine.publish.filter(({ host, protocol }) =>
            host === service.port && protocol === service.protocol
          ).map((publish) => ({ machine, publish }))
        )[0];
      return {
        reason: `the port is published to ${found?.machine.name} ${found?.publish.to}`,
        ...(found === undefined ? {} : { origin: found.publish.range }),
        change: ["take it out of `publish`"],
      };
    }
    case "policies":
    case "to_outside":
    case "from_outside":
    case "to_host": {
      const { policy } = expected;
      if (policy === undefined) {
        return { reason: "an element that no policy of infra.yml explains", change: [] };
      }
      return {
        reason: `${policy.id} opens it${
          policy.description === "" ? "" : ` ("${policy.description}")`
        }`,
        origin: policy.range,
        change: ["narrow or remove that policy"],
      };
    }
    default:
      return {
        reason: to.kind === "machine"
          ? "a rule that anklume did not make lets it through"
          : "no rule of anklume's concerns it",
        change: [],
      };
  }
}

function whyClosed(infra: Infra, dropped: TraceStep | undefined, flow: TracedFlow): Words {
  const { from, to, service } = flow;
  if (dropped === undefined) {
    return { reason: "the packet never came to a rule that lets it through", change: [] };
  }
  if (flow.expected.open) {
    return {
      reason: "infra.yml opens it, the live rules do not",
      change: ["`anklume apply` loads the rules that infra.yml asks for"],
    };
  }
  if (dropped.rule.includes("@private")) {
    const domain = infra.domains.find(({ name }) =>
      from.kind === "machine" && name === from.domain
    );
    const origin = domain?.ranges.get("internet");
    return {
      reason:
        `the domain ${domain?.name} has \`internet: public-only\`, and this address is private`,
      ...(origin === undefined ? {} : { origin }),
      change: policyText(from, to, service),
    };
  }
  if (dropped.family === "bridge") {
    return {
      reason: "the port's own rules refuse it: not its sender's MAC or address",
      change: [],
    };
  }
  if (
    to.kind === "host" && to.gatewayOf !== undefined && from.kind === "machine" &&
    to.gatewayOf !== from.domain
  ) {
    return { reason: "a gateway answers its own domain alone, whatever a policy says", change: [] };
  }
  const local = [from, to].find((place) => place.kind === "outside" && !place.isOutside);
  return {
    reason: local?.kind === "outside"
      ? `nothing in infra.yml opens it, and ${local.interface}, a bridge or tunnel, is not the outside`
      : "nothing in infra.yml opens it",
    change: policyText(from, to, service),
  };
}

/** The policy that one would write. */
function policyText(from: Place, to: Place, { protocol, port }: Service): string[] {
  const end = (place: Place) => {
    if (place.kind === "machine") return place.machine;
    if (place.kind === "host") return "host";
    return place.isOutside ? "outside" : place.address;
  };
  return [
    "network_policies:",
    "  - description: what it is for",
    `    from: ${end(from)}`,
    `    to: ${end(to)}`,
    ...(protocol === "icmp"
      ? ["    ports: all    # ICMP is opened with all protocols only"]
      : [`    ports: [${port}]`, ...(protocol === "tcp" ? [] : [`    protocol: ${protocol}`])]),
  ];
}

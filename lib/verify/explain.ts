import type { SourceRange } from "../diag/diagnostic.ts";
import type { Infra } from "../infra/infra.ts";
import type { TraceStep } from "../nftables/parse_trace.ts";
import type { Trace } from "../nftables/parse_trace.ts";
import type { Verdict } from "./expect.ts";
import { type Fate, fateOf } from "./fate.ts";
import type { ProbePlace, Service } from "./probe.ts";
import { optional } from "../diag/optional.ts";

/** One flow, and the result of the live rules for it. */
interface TracedFlow {
  readonly from: ProbePlace;
  readonly to: ProbePlace;
  readonly service: Service;
  readonly source: string;
  readonly target: string;
  /** The ends as the user named them: `outside` is more than one address. */
  readonly names: { readonly from: string; readonly to: string };
  /** Name of the infra's tables. */
  readonly table: string;
  /** Returns the owner of a rule that is not anklume's: `Docker's`, or an empty text. */
  readonly whose?: ((step: TraceStep) => string) | undefined;
  /** The result of all rules of the host. */
  readonly trace: Trace;
  /**
   * The result of anklume's rules alone, if other rules dropped the packet; undefined: anklume's
   * decided.
   */
  readonly own?: Trace | undefined;
  /** The place where it must come out: a port, an interface, or `host`. */
  readonly arrival: string;
  /** Why it was lost, if no rule of nftables shows it. */
  readonly lost?: string | undefined;
  /** The interface to which the host's routes send it instead of to its bridge. */
  readonly stray?: string | undefined;
  /** The verdict of infra.yml. */
  readonly expected: Verdict;
}

/** The place in the live table that decides, and its origin in infra.yml. */
export interface Explanation {
  /** It arrives, and the answer comes back. */
  readonly passes: boolean;
  /** It arrives, and the answer does not come back. */
  readonly unanswered: boolean;
  /** Whether anklume's own rules let it pass, whatever other rules do. */
  readonly anklumePasses: boolean;
  /** The table of another program whose rule dropped it: `table ip raw`. */
  readonly otherTable?: string;
  /** The rule that decided; undefined: none that nft shows. */
  readonly step?: TraceStep;
  /** The set that opened it, and the key of the lookup. */
  readonly lookup?: { readonly set: string; readonly key: string };
  readonly reason: string;
  readonly origin?: SourceRange;
  /** Ways to change the verdict; with `advice`, that text for infra.yml. */
  readonly change: readonly string[];
  /** A policy that would open it, still to be tested. */
  readonly advice?: Advice;
  /** The live rules differ from infra.yml. */
  readonly disagrees: boolean;
}

/** A policy as the user would write it. */
export interface Advice {
  readonly from: string;
  readonly to: string;
  readonly service: Service;
}

/** Sets that show why a packet is accepted, if a rule names them. */
const OPENING =
  /@(orphans|policies|to_outside|from_outside|published|internet|services|to_host|own|via|ports)6?\b/;

export function explain(infra: Infra, flow: TracedFlow): Explanation {
  const { trace, own = trace, expected, arrival, table } = flow;
  const fate = fateOf(trace, arrival);
  const anklume = fateOf(own, arrival);
  const passes = fate.kind === "passes";
  const step = stepOf(fate);
  const isOthers = step !== undefined && step.table !== table;
  const ours = own.steps.filter((each) => each.table === table);
  const anklumePasses = anklume.kind === "passes";
  // A packet that was lost before anklume's rules was not judged by them.
  const isJudged = anklume.kind !== "lost";
  const opened = anklumePasses ? opener(ours)?.match(OPENING)?.[1] : undefined;
  const shown = passes ? accepted(ours) : step;
  const isUntold = fate.kind === "lost" ||
    (fate.kind === "unanswered" && step === undefined && flow.lost !== undefined);
  const words = passes
    ? whyOpen(infra, opened, flow)
    : flow.stray !== undefined && expected.open
    ? { reason: flow.stray, change: ["`anklume doctor` shows how to route them back"] }
    : isOthers || isUntold
    ? whyOthers(infra, fate, step, isJudged ? { opened, anklumePasses } : undefined, flow)
    : whyClosed(infra, fate, step, flow);
  const ruled = expected.because !== "not-ours";
  return {
    passes,
    unanswered: fate.kind === "unanswered",
    anklumePasses,
    ...(isOthers ? { otherTable: `table ${step.family} ${step.table}` } : {}),
    ...optional({ step: shown }),
    ...(opened === undefined ? {} : lookupOf(opened, flow)),
    ...words,
    disagrees: ruled &&
      ((isJudged && anklumePasses !== expected.open) || (expected.open && !passes)),
  };
}

function stepOf(fate: Fate): TraceStep | undefined {
  return "step" in fate ? fate.step : undefined;
}

/**
 * Returns our rule that accepted it. Address translation, and the delivery into the bridge, are not
 * decisions of their own.
 */
function accepted(steps: readonly TraceStep[]): TraceStep | undefined {
  const leaving = steps.findIndex(({ chain }) => chain === "postrouting");
  return steps.slice(0, leaving === -1 ? undefined : leaving).findLast((each) =>
    each.verdict === "accept" && each.chain !== "prerouting" &&
    (each.family === "inet" || each.chain === "forward")
  );
}

/**
 * Explains what another program's rules do with it, or that no rule shows it; and what anklume's
 * rules would do.
 */
function whyOthers(
  infra: Infra,
  fate: Fate,
  step: TraceStep | undefined,
  own: { readonly opened: string | undefined; readonly anklumePasses: boolean } | undefined,
  flow: TracedFlow,
): Words {
  if (own === undefined) return { reason: whatOthersDo(fate, step, flow), change: [] };
  const { opened, anklumePasses } = own;
  const { origin, reason } = whyOpen(infra, opened, flow);
  const ours = anklumePasses
    ? `anklume allows it (${reason})`
    : "anklume's own rules do not allow it either";
  return {
    reason: `${whatOthersDo(fate, step, flow)}; ${ours}`,
    ...(anklumePasses && origin !== undefined ? { origin } : {}),
    change: [],
  };
}

function whatOthersDo(
  fate: Fate,
  step: TraceStep | undefined,
  { lost, whose }: TracedFlow,
): string {
  const who = step === undefined ? "" : whose?.(step) ?? "";
  const table = step === undefined
    ? ""
    : `table ${step.family} ${step.table}${who === "" ? "" : `, which is ${who}`}`;
  switch (fate.kind) {
    case "dropped":
      return step?.verdict === "drop"
        ? `another table of this host drops it: ${table}`
        : `another table of this host passes it to a program (${step?.verdict}), and ` +
          `anklume cannot know what that does: ${table}`;
    case "unanswered":
      if (step === undefined) return `it arrives, but the answer does not: ${lost}`;
      return `it arrives, but another table of this host drops the answer: ${table}`;
    case "elsewhere":
      return `another table of this host sends it elsewhere, to ${fate.at}: ${table}`;
    default:
      return lost ?? "it does not arrive, and no rule that nft shows explains it";
  }
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

type Words = Pick<Explanation, "reason" | "change" | "advice"> & { readonly origin?: SourceRange };

function whyOpen(
  infra: Infra,
  set: string | undefined,
  { from, to, expected }: TracedFlow,
): Words {
  switch (set) {
    case "orphans":
      return {
        reason: `both remain from \`${from.kind === "machine" ? from.domain : ""}\`, which ` +
          "is no longer in infra.yml: they reach only their own bridge",
        change: ["`anklume apply --prune` deletes them"],
      };
    case "own":
    case "ports":
      return {
        reason: "both are in the same domain, whose machines reach each other",
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
        ...optional({ origin }),
        change: [`internet: false    # of ${domain?.name}`],
      };
    }
    case "published": {
      const found = expected.publish;
      return {
        reason: `the port is published to ${found?.machine} ${found?.publish.to}`,
        ...optional({ origin: found?.publish.range }),
        change: ["remove it from `publish`"],
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
      return { reason: whyNoRule(from, to, expected), change: [] };
  }
}

function whyNoRule(from: ProbePlace, to: ProbePlace, { because }: Verdict): string {
  if (from.kind === "host") {
    return "the host is trusted: no anklume rule blocks its way to a machine";
  }
  if (because === "not-ours") {
    return "it is a port of the host itself, which anklume neither opens nor closes";
  }
  return to.kind === "machine"
    ? "a rule that anklume did not make lets it through"
    : "no anklume rule applies to it";
}

function whyClosed(
  infra: Infra,
  fate: Fate,
  step: TraceStep | undefined,
  flow: TracedFlow,
): Words {
  const { from, to, expected } = flow;
  const without = (reason: string, origin?: SourceRange): Words => ({
    reason,
    change: [],
    ...optional({ origin }),
  });
  if (fate.kind === "elsewhere") return without(`it comes out at ${fate.at} instead`);
  if (expected.because === "not-ours") {
    return without(
      fate.kind === "unanswered"
        ? "it arrives, but no answer comes back"
        : "an anklume rule drops it, although it is not a port of a domain",
    );
  }
  if (expected.open) {
    return {
      reason: fate.kind === "unanswered"
        ? "infra.yml opens it; it arrives, but no answer comes back"
        : "infra.yml opens it, but the live rules do not",
      change: ["`anklume apply` loads the rules that infra.yml asks for"],
    };
  }
  const orphan = [from, to].find((place) => place.kind === "machine" && place.orphan);
  if (orphan?.kind === "machine") {
    const stays = infra.domains.some(({ name }) => name === orphan.domain);
    return without(
      `${orphan.machine} is no longer in infra.yml: until it is deleted, it reaches ` +
        (stays ? "nobody, and nobody reaches it" : "only its own bridge"),
    );
  }
  if (fate.kind === "unanswered") return without("it arrives, but no answer comes back");
  const domain = infra.domains.find(({ name }) => from.kind === "machine" && name === from.domain);
  const origin = domain?.ranges.get("internet");
  if (step?.rule.includes("@private")) {
    return {
      ...without(
        `the domain ${domain?.name} has \`internet: public-only\`, and this address is private`,
        origin,
      ),
      ...adviceOf(flow),
    };
  }
  const nobody = [from, to].find((place) => place.kind === "machine" && place.nobody);
  if (nobody?.kind === "machine") {
    return without(
      `nobody has the address ${nobody.machine}` +
        (nobody === from ? ", and a port can send only as its own machine" : ""),
    );
  }
  if (step?.family === "bridge") {
    return without("the port's own rules drop it: the MAC or address is not the sender's");
  }
  if (
    to.kind === "host" && to.gatewayOf !== undefined && from.kind === "machine" &&
    to.gatewayOf !== from.domain
  ) {
    return without("a gateway answers only its own domain, whatever a policy says");
  }
  if (to.kind === "outside" && domain?.internet.kind === "via") {
    const via = domain.internet.interfaces.join(", ");
    // A policy would let the tunnel's traffic out beside the tunnel.
    return without(
      `${domain.name} goes out only by ${via}, but this host reaches ${to.address} by ` +
        `${to.interface === "" ? "no interface" : to.interface}`,
      origin,
    );
  }
  const published = publishedAs(infra, flow);
  if (published !== undefined) return without(published);
  const local = [from, to].find((place) => place.kind === "outside" && !place.isOutside);
  return {
    ...without(
      local?.kind === "outside"
        ? `nothing in infra.yml opens it, and ${
          local.interface || "no interface"
        }, a bridge or tunnel, is not the outside`
        : "nothing in infra.yml opens it",
    ),
    ...adviceOf(flow),
  };
}

/**
 * Explains a machine's own port reached from outside, if it is published under one of the host's
 * ports.
 */
function publishedAs(infra: Infra, { from, to, service }: TracedFlow): string | undefined {
  if (from.kind !== "outside" || !from.isOutside || to.kind !== "machine") return undefined;
  const found = infra.domains.flatMap(({ machines }) => machines)
    .find(({ name }) => name === to.machine)?.publish
    .find((each) => each.to === service.port && each.protocol === service.protocol);
  return found === undefined
    ? undefined
    : `from outside, port ${found.host} of the host leads there: run ` +
      `\`anklume network why outside host ${found.host}/${found.protocol}\``;
}

/** Returns the policy that the user would write: for this flow, and no more. */
function adviceOf({ from, to, service, names }: TracedFlow): { readonly advice: Advice } {
  const end = (place: ProbePlace, name: string) => {
    if (place.kind === "machine") return place.machine;
    if (place.kind === "host") return "host";
    if (place.isOutside && name === "outside") return "outside";
    return name.includes("/") ? name : place.address;
  };
  return { advice: { from: end(from, names.from), to: end(to, names.to), service } };
}

/** Returns the policy as text for infra.yml. */
export function adviceText({ from, to, service: { protocol, port } }: Advice): string[] {
  return [
    "network_policies:",
    "  - description: what it is for",
    `    from: ${from}`,
    `    to: ${to}`,
    ...(protocol === "icmp"
      ? ["    ports: all    # ICMP is opened with all protocols only"]
      : [`    ports: [${port}]`, ...(protocol === "tcp" ? [] : [`    protocol: ${protocol}`])]),
  ];
}

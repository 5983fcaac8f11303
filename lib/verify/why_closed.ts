import { optional } from "../diag/optional.ts";
import type { SourceRange } from "../diag/diagnostic.ts";
import type { Domain, Infra } from "../infra/infra.ts";
import type { TraceStep } from "../nftables/parse_trace.ts";
import { adviceOf } from "./advice.ts";
import type { TracedFlow, Words } from "./explanation.ts";
import type { Fate } from "./fate.ts";
import { wayOut } from "./probe.ts";

/** A flow that does not pass. */
interface ClosedFlow extends Pick<TracedFlow, "from" | "to" | "service" | "names" | "expected"> {
  readonly infra: Infra;
  readonly fate: Fate;
  /** The rule that stopped it, if one is known. */
  readonly step: TraceStep | undefined;
  /** The domain of the sender. */
  readonly domain: Domain | undefined;
}

/** Explains why anklume's rules do not let a flow pass. The first reason that applies is told. */
export function whyClosed(
  infra: Infra,
  fate: Fate,
  step: TraceStep | undefined,
  flow: TracedFlow,
): Words {
  const { from } = flow;
  const domain = infra.domains.find(({ name }) => from.kind === "machine" && name === from.domain);
  const closed = { ...flow, infra, fate, step, domain };
  return elsewhere(closed) ?? notOurs(closed) ?? opened(closed) ?? orphaned(closed) ??
    unanswered(closed) ?? privateAddress(closed) ?? unowned(closed) ?? forged(closed) ??
    otherGateway(closed) ?? otherWay(closed) ?? publishedAs(closed) ?? notOpened(closed);
}

function without(reason: string, origin?: SourceRange): Words {
  return { reason, change: [], ...optional({ origin }) };
}

function elsewhere({ fate }: ClosedFlow): Words | undefined {
  return fate.kind === "elsewhere" ? without(`it comes out at ${fate.at} instead`) : undefined;
}

function notOurs({ expected, fate }: ClosedFlow): Words | undefined {
  if (expected.because !== "not-ours") return undefined;
  return without(
    fate.kind === "unanswered"
      ? "it arrives, but no answer comes back"
      : "an anklume rule drops it, although it is not a port of a domain",
  );
}

/** infra.yml opens it. */
function opened({ expected, fate }: ClosedFlow): Words | undefined {
  if (!expected.open) return undefined;
  return {
    reason: fate.kind === "unanswered"
      ? "infra.yml opens it; it arrives, but no answer comes back"
      : "infra.yml opens it, but the live rules do not",
    change: ["`anklume apply` loads the rules that infra.yml asks for"],
  };
}

function orphaned({ infra, from, to }: ClosedFlow): Words | undefined {
  const orphan = [from, to].find((place) => place.kind === "machine" && place.orphan);
  if (orphan?.kind !== "machine") return undefined;
  const stays = infra.domains.some(({ name }) => name === orphan.domain);
  return without(
    `${orphan.machine} is no longer in infra.yml: until it is deleted, it reaches ` +
      (stays ? "nobody, and nobody reaches it" : "only its own bridge"),
  );
}

function unanswered({ fate }: ClosedFlow): Words | undefined {
  return fate.kind === "unanswered" ? without("it arrives, but no answer comes back") : undefined;
}

/** The domain's internet is `public-only`. */
function privateAddress(closed: ClosedFlow): Words | undefined {
  const { step, domain } = closed;
  if (!step?.rule.includes("@private")) return undefined;
  const reason =
    `the domain ${domain?.name} has \`internet: public-only\`, and this address is private`;
  return { ...without(reason, domain?.ranges.get("internet")), advice: adviceOf(closed) };
}

/** An address of a domain that no machine has. */
function unowned({ from, to }: ClosedFlow): Words | undefined {
  const nobody = [from, to].find((place) => place.kind === "machine" && place.nobody);
  if (nobody?.kind !== "machine") return undefined;
  return without(
    `nobody has the address ${nobody.machine}` +
      (nobody === from ? ", and a port can send only as its own machine" : ""),
  );
}

/** The packet is not from the machine that owns the port. */
function forged({ step }: ClosedFlow): Words | undefined {
  return step?.family === "bridge"
    ? without("the port's own rules drop it: the MAC or address is not the sender's")
    : undefined;
}

/** The gateway of another domain. */
function otherGateway({ from, to }: ClosedFlow): Words | undefined {
  const isOther = to.kind === "host" && to.gatewayOf !== undefined && from.kind === "machine" &&
    to.gatewayOf !== from.domain;
  return isOther
    ? without("a gateway answers only its own domain, whatever a policy says")
    : undefined;
}

/** The domain goes out by a tunnel, and this address is not behind it. */
function otherWay({ to, domain }: ClosedFlow): Words | undefined {
  if (to.kind !== "outside" || domain?.internet.kind !== "via") return undefined;
  const via = domain.internet.interfaces.join(", ");
  const way = wayOut(to, domain.name);
  // No advice: a policy would let the tunnel's traffic out beside the tunnel.
  return without(
    `${domain.name} goes out only by ${via}, but this host reaches ${to.address} by ` +
      `${way === "" ? "no interface" : way}`,
    domain.ranges.get("internet"),
  );
}

/** A machine's own port, which is published under one of the host's ports. */
function publishedAs({ infra, from, to, service }: ClosedFlow): Words | undefined {
  if (from.kind !== "outside" || !from.isOutside || to.kind !== "machine") return undefined;
  const found = infra.domains.flatMap(({ machines }) => machines)
    .find(({ name }) => name === to.machine)?.publish
    .find((each) => each.to === service.port && each.protocol === service.protocol);
  if (found === undefined) return undefined;
  return without(
    `from outside, port ${found.host} of the host leads there: run ` +
      `\`anklume network why outside host ${found.host}/${found.protocol}\``,
  );
}

function notOpened(closed: ClosedFlow): Words {
  const local = [closed.from, closed.to].find((place) =>
    place.kind === "outside" && !place.isOutside
  );
  const reason = local?.kind === "outside"
    ? `nothing in infra.yml opens it, and ${
      local.interface || "no interface"
    }, a bridge or tunnel, is not the outside`
    : "nothing in infra.yml opens it";
  return { ...without(reason), advice: adviceOf(closed) };
}

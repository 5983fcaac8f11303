import { optional } from "../diag/optional.ts";
import type { Infra } from "../infra/infra.ts";
import type { TraceStep } from "../nftables/parse_trace.ts";
import type { Explanation, TracedFlow } from "./explanation.ts";
import { type Fate, fateOf } from "./fate.ts";
import { whyClosed } from "./why_closed.ts";
import { whyOpen } from "./why_open.ts";
import { whyOthers } from "./why_others.ts";

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
    ...optional({
      otherTable: isOthers ? `table ${step.family} ${step.table}` : undefined,
      step: shown,
      lookup: opened === undefined ? undefined : lookupOf(opened, flow),
    }),
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

function opener(steps: readonly TraceStep[]): string | undefined {
  return steps.findLast(({ rule, chain, verdict }) =>
    OPENING.test(rule) && chain !== "prerouting" && verdict !== "continue" && verdict !== "return"
  )?.rule;
}

/** Returns the set that opened it, and the key of its element; undefined if it has no such key. */
function lookupOf(
  set: string,
  { service, source, target, to, from }: TracedFlow,
): Explanation["lookup"] {
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
  if (key === undefined || from.kind === "host" || to === undefined) return undefined;
  return { set: six ? `${set}6` : set, key };
}

import { makeRoot } from "../../host/make_root.ts";
import type { Infra, NetworkPolicy, PolicyEnd } from "../../infra/infra.ts";
import { parseCidr } from "../../infra/ip.ts";
import type { ForeignChain } from "../../nftables/host_facts.ts";
import { readOtherTables } from "../../nftables/host_facts.ts";
import { firewallOf, mendOf, ownerText } from "../../nftables/other_firewall.ts";
import type { Stage } from "../../nftables/stage.ts";
import type { Trace } from "../../nftables/parse_trace.ts";
import { liveElement, traceFlows, type TraceRun } from "../../nftables/trace_flow.ts";
import { type Advice, adviceText } from "../../verify/advice.ts";
import { explain } from "../../verify/explain.ts";
import type { Explanation } from "../../verify/explanation.ts";
import { expectedVerdict } from "../../verify/expect.ts";
import { fateOf } from "../../verify/fate.ts";
import type { Service } from "../../verify/probe.ts";
import { readRuleProgram } from "../../verify/sites.ts";
import type { WhyLine } from "../../view/why.ts";
import type { Live } from "../../live/open_live.ts";
import { buildStage, type BuiltStage, type TraceQuestion } from "./trace_stage.ts";
import { strayWay } from "./stray_route.ts";
import { lostReasons } from "./lost_reasons.ts";

/** The data that the questions are about. */
export interface RuleContext {
  readonly infra: Infra;
  readonly live: Pick<Live, "addressing" | "ruleset" | "rulesetOf" | "ways">;
  readonly signal: AbortSignal;
}

export interface AskRulesOptions {
  /** Answers as if the host forwarded packets, for questions about its rules only. */
  readonly forwards?: boolean;
}

/**
 * Tests flows on the live rules of the whole host. If another owner's rules block one, it also
 * tests anklume's own rules alone. Advice about a single flow has been tested.
 */
export async function askRules(
  questions: readonly TraceQuestion[],
  context: RuleContext,
  { forwards = false }: AskRulesOptions = {},
): Promise<WhyLine[]> {
  if (questions.length === 0) return [];
  const { infra, live: { addressing }, signal } = context;
  const built = await buildStage(questions, { infra, addressing, signal, forwards });
  const seen = await traceAll(built, context);
  const all = await Promise.all(
    questions.map((question, i) => lineOf(question, flowSeen(seen, built, i), context)),
  );
  const [only] = all;
  if (all.length !== 1 || only?.explanation.advice === undefined) return all;
  return [{ ...only, explanation: await tried(only.explanation, built, context) }];
}

/** The packets' ways through the host's rules. */
interface Traced {
  readonly run: TraceRun;
  /** The same through anklume's rules alone; undefined: other rules block none of them. */
  readonly own: readonly Trace[] | undefined;
  /** Base chains of other tables. */
  readonly chains: readonly ForeignChain[];
  /** Why a packet did not arrive that no rule of nftables ended. */
  readonly lost: readonly (string | undefined)[];
}

async function traceAll(
  built: BuiltStage,
  { live: { ruleset }, signal }: RuleContext,
): Promise<Traced> {
  await makeRoot("/etc/anklume");
  const program = readRuleProgram();
  const run = await traceFlows(ruleset, built.stage, program, { signal });
  const isTheirs = (trace: Trace, i: number) => {
    const fate = fateOf(trace, built.ways[i]?.target ?? "");
    const step = "step" in fate ? fate.step : undefined;
    return fate.kind !== "passes" && step?.table !== ruleset.table;
  };
  if (!run.traces.some(isTheirs)) return { run, own: undefined, chains: [], lost: [] };
  const own = await traceFlows(ruleset, built.stage, program, { signal, alone: true });
  const others = await readOtherTables({ signal });
  const lost = await lostReasons(run, built, signal);
  return { run, own: own.traces, chains: others?.chains ?? [], lost };
}

/** One flow of `Traced`. */
interface SeenFlow {
  readonly trace: Trace | undefined;
  readonly own: Trace | undefined;
  readonly lost: string | undefined;
  readonly arrival: string;
  readonly chains: readonly ForeignChain[];
  readonly run: TraceRun;
}

function flowSeen({ run, own, chains, lost }: Traced, { ways }: BuiltStage, i: number): SeenFlow {
  return {
    trace: run.traces[i],
    own: own?.[i],
    lost: lost[i],
    arrival: ways[i]?.target ?? "",
    chains,
    run,
  };
}

async function lineOf(
  question: TraceQuestion,
  seen: SeenFlow,
  context: RuleContext,
): Promise<WhyLine> {
  const { infra, live: { ruleset: { table } }, signal } = context;
  const { from, to, service } = question;
  const explanation = explain(infra, {
    from: from.place,
    to: to.place,
    service,
    source: from.address,
    target: to.address,
    names: { from: from.name, to: to.name },
    table,
    whose: (step) => ownerText(firewallOf(step, seen.chains)),
    trace: seen.trace ?? { steps: [], back: [], answered: false, legacy: [] },
    own: seen.own,
    arrival: seen.arrival,
    lost: seen.lost,
    stray: await strayOf(question, seen, context),
    expected: expectedVerdict(infra, from.place, to.place, service),
  });
  const { lookup } = explanation;
  return {
    from: from.name,
    to: to.name,
    service: serviceText(service),
    source: from.address,
    target: to.address,
    explanation,
    element: lookup && await liveElement(table, lookup.set, lookup.key, { signal }),
    unjudged: seen.run.skipped,
    ...othersOf(explanation, question, seen, context),
  };
}

function serviceText({ protocol, port }: Service): string {
  return protocol === "icmp" ? "icmp" : `${port}/${protocol}`;
}

/** Returns why packets do not reach a machine, if the host's routes send them elsewhere. */
async function strayOf(
  question: TraceQuestion,
  { trace, arrival }: SeenFlow,
  { live, signal }: RuleContext,
): Promise<string | undefined> {
  if (question.to.place.kind !== "machine" || trace === undefined) return undefined;
  const { address, place: { domain } } = question.to;
  const to = live.addressing.domains.get(domain);
  const from = question.from.place;
  const isNeighbour = from.kind === "machine" && from.domain === domain;
  if (to === undefined || isNeighbour || fateOf(trace, arrival).kind === "passes") {
    return undefined;
  }
  return await strayWay(address, to, live, signal);
}

/**
 * Returns the other firewall that blocks the flow, and the command that opens it there; empty if
 * anklume's rules decide.
 */
function othersOf(
  { step, otherTable, unanswered, anklumePasses }: Explanation,
  { from, to }: TraceQuestion,
  { trace, chains, lost, run }: SeenFlow,
  { live }: RuleContext,
): Pick<WhyLine, "firewall" | "mend" | "lost"> {
  const [dropped] = trace?.legacy ?? [];
  const isLegacy = step === undefined && lost !== undefined && dropped !== undefined;
  const place = isLegacy ? dropped : otherTable === undefined ? undefined : step;
  if (place === undefined) return {};
  const firewall = firewallOf(place, isLegacy ? legacyAsForeign(run) : chains);
  const bridgeOf = ({ place }: typeof from) =>
    place.kind === "machine" ? live.addressing.domains.get(place.domain)?.bridge : undefined;
  const [near, far] = [bridgeOf(from), bridgeOf(to)];
  const bridge = near ?? far;
  const told = { firewall, ...(isLegacy ? { lost } : {}) };
  // A flow that anklume blocks does not need to be opened in another firewall.
  if (bridge === undefined || !anklumePasses) return told;
  const isOut = (near === undefined) !== unanswered;
  const mend = mendOf(place, firewall, {
    bridge,
    other: near === undefined ? from.address : to.address,
    direction: to.place.kind === "host" && near !== undefined ? "host" : isOut ? "out" : "in",
    isInternet: to.name === "outside" || from.name === "outside",
    isLegacy,
  });
  return { ...told, mend };
}

/** Returns the chains of iptables-legacy in the form of the nft chains. */
function legacyAsForeign({ legacyChains, traces }: TraceRun): ForeignChain[] {
  const all = [...legacyChains, ...traces.flatMap(({ legacy }) => legacy)];
  return all.map(({ family, table, chain }) => ({
    family,
    table,
    name: chain,
    hook: "",
    policy: "",
    knowsBridges: false,
    siblings: all.filter((each) => each.family === family && each.table === table)
      .map((each) => each.chain),
  }));
}

/**
 * Loads the rules with the advice in place of the live rules, and tests the flow. Drops advice that
 * does not let it through.
 */
async function tried(
  explanation: Explanation,
  { stage, ways }: BuiltStage,
  { infra, live, signal }: RuleContext,
): Promise<Explanation> {
  const { advice, ...rest } = explanation;
  if (advice === undefined) return explanation;
  const policies = [...infra.policies, policyOf(advice, infra)];
  const attempt: Stage = { ...stage, tried: live.rulesetOf({ ...infra, policies }).text };
  const { traces } = await traceFlows(live.ruleset, attempt, readRuleProgram(), {
    signal,
    alone: true,
  });
  const [trace] = traces;
  const works = trace !== undefined && fateOf(trace, ways[0]?.target ?? "").kind === "passes";
  return works ? { ...explanation, change: adviceText(advice) } : rest;
}

function policyOf({ from, to, service }: Advice, infra: Infra): NetworkPolicy {
  const end = (text: string): PolicyEnd => {
    if (text === "host" || text === "outside") return { kind: text, text };
    const cidr = parseCidr(text);
    return cidr === undefined
      ? { kind: "machines", text, machines: [text] }
      : { kind: "cidr", text, cidr: cidr.text };
  };
  const { protocol, port } = service;
  const place = { line: 1, column: 1 };
  return {
    id: `policy-${infra.policies.length + 1}`,
    description: "",
    from: end(from),
    to: end(to),
    ...(protocol === "icmp"
      ? { ports: "all" }
      : { ports: [{ first: port, last: port }], protocol }),
    bidirectional: false,
    range: { file: "infra.yml", start: place, end: place },
  };
}

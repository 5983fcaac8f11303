import type { Live } from "../../live/open_live.ts";
import { FirewallError } from "../../nftables/firewall_error.ts";
import type { Result } from "../../verify/judge.ts";
import type { NotProbed } from "../../verify/not_probed.ts";
import type { ProbePlace } from "../../verify/probe.ts";
import { differences, placeText } from "../../view/verify.ts";
import type { WhyLine } from "../../view/why.ts";
import { askNeeds, type NeedContext } from "./ask_needs.ts";
import { askRules, type RuleContext } from "./ask_rules.ts";
import type { TraceQuestion } from "./trace_stage.ts";

/** Most flows without a probe that are tested on the host's rules. */
const MOST_ASKED = 64;

/** Returns the decision of the host's rules on flows that could not be sent. */
export async function askInstead(
  notProbed: readonly NotProbed[],
  context: NeedContext,
): Promise<Map<NotProbed, WhyLine>> {
  const able = notProbed.filter(({ need }) => need !== undefined).slice(0, MOST_ASKED);
  const lines = new Map<NotProbed, WhyLine>();
  try {
    const answers = await askNeeds(able.flatMap(({ need }) => need ?? []), context);
    able.forEach((each, i) => {
      const line = answers[i]?.line;
      if (line !== undefined) lines.set(each, line);
    });
  } catch (error) {
    if (!(error instanceof FirewallError) || error.fault !== "differs") throw error;
  }
  return lines;
}

/** Most pairs of each kind of difference that are explained by the live rules. */
const MOST_REASONS = 3;

/** Returns the explanation by the live rules of each flow that differs, one for each pair. */
export async function reasonsOf(
  results: readonly Result[],
  context: RuleContext,
): Promise<Map<Result, WhyLine>> {
  const asked: { readonly result: Result; readonly question: TraceQuestion }[] = [];
  const pairs = new Map<Result["difference"], Set<string>>();
  for (const result of differences(results)) {
    const { from, to, address, source, protocol, port } = result.probe;
    const told = pairs.get(result.difference) ?? new Set();
    pairs.set(result.difference, told);
    const pair = `${placeText(from)} ${address}`;
    if (from.kind === "host" || told.size === MOST_REASONS || told.has(pair)) continue;
    told.add(pair);
    const sender = source ?? addressOf(from, address.includes(":"), context.live);
    if (sender === undefined) continue;
    const question: TraceQuestion = {
      from: { name: placeText(from), place: from, address: sender },
      to: { name: placeText(to), place: to, address },
      service: { protocol, port },
    };
    asked.push({ result, question });
  }
  try {
    const lines = await askRules(asked.map(({ question }) => question), context);
    return new Map(asked.flatMap(({ result }, i) => {
      const line = lines[i];
      return line === undefined ? [] : [[result, line] as const];
    }));
  } catch (error) {
    // There is no table at all: that has been reported already.
    if (!(error instanceof FirewallError) || error.fault !== "differs") throw error;
    return new Map();
  }
}

function addressOf(
  place: ProbePlace,
  six: boolean,
  { addressing }: Pick<Live, "addressing">,
): string | undefined {
  if (place.kind !== "machine") return undefined;
  const machine = addressing.machines.get(place.machine);
  return six ? machine?.ipv6 : machine?.ip;
}

import type { Blocked } from "../../verify/blocked.ts";
import type { Need } from "../../verify/need.ts";
import { ruleText, type WhyLine } from "../../view/why.ts";
import { askRules, type AskRulesOptions, type RuleContext } from "./ask_rules.ts";
import type { Live } from "../../live/open_live.ts";
import type { TraceSurroundings } from "./surroundings.ts";
import { resolveEnds } from "./resolve_end.ts";
import type { TraceQuestion } from "./trace_stage.ts";
import { UserError } from "../../session/user_error.ts";

/**
 * A need, and the decision of the host's rules; `line` is missing if it cannot be tested on this
 * host.
 */
interface AskedNeed {
  readonly need: Need;
  readonly line?: WhyLine;
  /** The reason why it cannot be tested. */
  readonly why?: string;
}

export interface NeedContext extends RuleContext {
  readonly live: RuleContext["live"] & Pick<Live, "actual" | "owner">;
  readonly around: TraceSurroundings;
}

/** Tests whether the host's rules let through what infra.yml promises; sends no packet. */
export async function askNeeds(
  needs: readonly Need[],
  context: NeedContext,
  options: AskRulesOptions = {},
): Promise<AskedNeed[]> {
  const resolved = await Promise.all(needs.map((need) => questionOf(need, context)));
  const questions = resolved.filter((each) => typeof each !== "string");
  const lines = await askRules(questions, context, options);
  return needs.map((need, i): AskedNeed => {
    const question = resolved[i];
    if (question === undefined || typeof question === "string") {
      return { need, why: question ?? "" };
    }
    const line = lines[questions.indexOf(question)];
    return line === undefined ? { need, why: "no answer came" } : { need, line };
  });
}

async function questionOf(
  { flow: { from, to, service } }: Need,
  { infra, live, around }: NeedContext,
): Promise<TraceQuestion | string> {
  const version = [from, to].some((each) => each.includes(":")) ? 6 : 4;
  try {
    const context = { infra, live, around, notes: [] };
    const [source, target] = await resolveEnds(from, to, version, context);
    return { from: source, to: target, service };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return error.message;
  }
}

/**
 * Returns the needs that other rules on the host block, although anklume's own rules let them
 * through.
 */
export function blockedOf(asked: readonly AskedNeed[]): Blocked[] {
  return asked.flatMap(({ need, line }): Blocked[] => {
    if (line === undefined) return [];
    const { explanation, firewall, mend } = line;
    const { passes, anklumePasses, otherTable, step, unanswered } = explanation;
    if (passes || !anklumePasses || (otherTable === undefined && line.lost === undefined)) {
      return [];
    }
    const place = step === undefined ? line.lost ?? "" : `${otherTable}, chain ${step.chain}`;
    return [{
      need,
      place,
      by: step === undefined ? place : ruleText(explanation),
      firewall: firewall ?? "other",
      unanswered,
      mend,
    }];
  });
}

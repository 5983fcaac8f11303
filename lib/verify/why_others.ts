import type { Infra } from "../infra/infra.ts";
import type { TraceStep } from "../nftables/parse_trace.ts";
import type { TracedFlow, Words } from "./explanation.ts";
import type { Fate } from "./fate.ts";
import { whyOpen } from "./why_open.ts";

/**
 * Explains what another program's rules do with it, or that no rule shows it; and what anklume's
 * rules would do.
 */
export function whyOthers(
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

import type { TraceStep } from "../nftables/parse_trace.ts";
import type { Trace } from "../nftables/parse_trace.ts";
import { optional } from "../diag/optional.ts";

/** The fate of a packet, according to the rules and the stage. */
export type Fate =
  /** It arrived, and so did its answer. */
  | { readonly kind: "passes" }
  /** A rule dropped it, or handed it to a program whose decision is unknown. */
  | { readonly kind: "dropped"; readonly step: TraceStep }
  /** It arrived; `step` dropped the answer. */
  | { readonly kind: "unanswered"; readonly step?: TraceStep }
  /** It came out somewhere else; `step` sent it there. */
  | { readonly kind: "elsewhere"; readonly at: string; readonly step?: TraceStep }
  /** No rule of nftables shows why it did not arrive. */
  | { readonly kind: "lost" };

/** Returns the fate of a packet. `target`: where it must come out. */
export function fateOf(trace: Trace, target: string): Fate {
  const stopped = stopper(trace.steps);
  if (stopped !== undefined && trace.arrivedAt === undefined) {
    return { kind: "dropped", step: stopped };
  }
  if (trace.arrivedAt === undefined) return { kind: "lost" };
  if (trace.arrivedAt !== target) {
    const step = trace.steps.findLast(({ rule }) =>
      /\b(dnat|redirect|tproxy|fwd|dup)\b/i.test(rule)
    );
    return { kind: "elsewhere", at: trace.arrivedAt, ...optional({ step }) };
  }
  if (trace.answered) return { kind: "passes" };
  const step = stopper(trace.back);
  return { kind: "unanswered", ...optional({ step }) };
}

/** Returns the rule that ended it: `drop`, `reject` (which traces as one), `queue`, `stolen`. */
function stopper(steps: readonly TraceStep[]): TraceStep | undefined {
  return steps.findLast(({ verdict }) =>
    !["accept", "continue", "return", "break"].includes(verdict) && !/^(jump|goto) /.test(verdict)
  );
}

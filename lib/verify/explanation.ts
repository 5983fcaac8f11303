import type { SourceRange } from "../diag/diagnostic.ts";
import type { Trace, TraceStep } from "../nftables/parse_trace.ts";
import type { Advice } from "./advice.ts";
import type { Verdict } from "./expect.ts";
import type { ProbePlace, Service } from "./probe.ts";

/** One flow, and the result of the live rules for it. */
export interface TracedFlow {
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

/** The part of an explanation that is for people. */
export type Words = Pick<Explanation, "reason" | "change" | "advice"> & {
  readonly origin?: SourceRange;
};

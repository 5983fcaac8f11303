import { type Infra, machinesOf, type NetworkPolicy } from "../infra/infra.ts";
import type { Result } from "./judge.ts";
import { type Need, needText, policyNeeds, publishNeeds } from "./need.ts";
import { policyFlow } from "./policy_question.ts";
import { optional } from "../diag/optional.ts";

/** A promise of infra.yml that no packet of this run tested, and why. */
export interface NotProbed {
  /** Absent for a policy that opens nothing: it has no flow to test. */
  readonly need?: Need;
  readonly policy?: NetworkPolicy;
  /** Its description, with the place in infra.yml. */
  readonly text: string;
  readonly why: string;
}

interface ProbedPolicies {
  /** Number of policies with at least one packet that was seen, or missed. */
  readonly probed: number;
  readonly notProbed: readonly NotProbed[];
}

interface ProbeRun {
  readonly running: ReadonlySet<string>;
  /** Limited to some domains. */
  readonly limited: boolean;
  /** Machines, or `host`, that could not be probed. */
  readonly failed: ReadonlySet<string>;
}

/**
 * Returns the policies and published ports that the probes did not test. anklume sends packets only
 * to this infra and the host, and only a machine outside could send packets from outside. Pure.
 */
export function notProbed(
  infra: Infra,
  results: readonly Result[],
  run: ProbeRun,
): ProbedPolicies {
  const policiesOf = (all: readonly Result[]) =>
    new Set(all.flatMap(({ probe }) => probe.policies ?? []));
  const probed = policiesOf(results.filter(({ unknown }) => !unknown));
  const asked = policiesOf(results);
  const rest = infra.policies.filter(({ id }) => !probed.has(id));
  const policies = rest.map((policy): NotProbed => {
    const [need] = policyNeeds(infra, [policy], run.running);
    return {
      policy,
      text: need === undefined
        ? `${policy.id} (${policy.range.file}:${policy.range.start.line})`
        : needText(need),
      ...optional({ need }),
      why: asked.has(policy.id)
        ? "the result of its packets could not be seen"
        : whyPolicy(infra, policy, run),
    };
  });
  const published = publishNeeds(infra).map((need): NotProbed => ({
    need,
    text: needText(need),
    why: "it begins outside, where this host has no sender",
  }));
  return { probed: infra.policies.length - rest.length, notProbed: [...policies, ...published] };
}

function whyPolicy(
  infra: Infra,
  policy: NetworkPolicy,
  { running, limited, failed }: ProbeRun,
): string {
  const { from, to } = policy;
  const flow = policyFlow(infra, policy, running);
  if (flow === undefined) return "it opens nothing: its ends have no machine, or are in one domain";
  const foreign = [from, to].find(({ kind }) => kind === "cidr");
  if (foreign !== undefined) {
    return `${foreign.text} is not part of this infra, so no packets are sent there`;
  }
  if (from.kind === "outside") return "it begins outside, where this host has no sender";
  const machines = new Set(machinesOf(infra).map(({ name }) => name));
  const still = [flow.from, flow.to].find((name) => machines.has(name) && !running.has(name));
  if (still !== undefined) return `${still} is not running`;
  const mute = [flow.from, flow.to].find((name) => failed.has(name));
  if (mute !== undefined) return `${mute} could not be probed`;
  return limited ? "`--domain` leaves it out" : "no probe of this run tested it";
}

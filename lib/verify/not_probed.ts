import { type Infra, machinesOf, type NetworkPolicy } from "../infra/infra.ts";
import type { Result } from "./judge.ts";
import { type Need, needText, policyNeeds, publishNeeds } from "./need.ts";
import { policyFlow } from "./policy_question.ts";

/** A promise of infra.yml that no packet of this run was about, and why. */
export interface NotProbed {
  /** Of a policy that opens nothing there is no flow to ask about. */
  readonly need?: Need;
  readonly policy?: NetworkPolicy;
  /** What it is, and where in infra.yml. */
  readonly text: string;
  readonly why: string;
}

export interface ProbedPolicies {
  /** Policies of which at least one packet was seen, or missed. */
  readonly probed: number;
  readonly notProbed: readonly NotProbed[];
}

/**
 * Which policies and published ports the probes say nothing about. Nobody is sent packets who is not of this infra or the host, and what
 * begins outside only somebody outside could send. Pure.
 */
export function notProbed(
  infra: Infra,
  results: readonly Result[],
  { running, limited }: { readonly running: ReadonlySet<string>; readonly limited: boolean },
): ProbedPolicies {
  const probed = new Set(
    results.filter(({ unknown }) => !unknown).flatMap(({ probe }) => probe.policies ?? []),
  );
  const rest = infra.policies.filter(({ id }) => !probed.has(id));
  const policies = rest.map((policy): NotProbed => {
    const [need] = policyNeeds(infra, [policy], running);
    return {
      policy,
      text: need === undefined
        ? `${policy.id} (${policy.range.file}:${policy.range.start.line})`
        : needText(need),
      ...(need === undefined ? {} : { need }),
      why: whyPolicy(infra, policy, { running, limited }),
    };
  });
  const published = publishNeeds(infra).map((need): NotProbed => ({
    need,
    text: needText(need),
    why: "it begins outside, where this host has nobody to send it",
  }));
  return { probed: infra.policies.length - rest.length, notProbed: [...policies, ...published] };
}

function whyPolicy(
  infra: Infra,
  policy: NetworkPolicy,
  { running, limited }: { readonly running: ReadonlySet<string>; readonly limited: boolean },
): string {
  const { from, to } = policy;
  const flow = policyFlow(infra, policy, running);
  if (flow === undefined) return "it opens nothing: its ends hold no machine, or one domain's";
  const foreign = [from, to].find(({ kind }) => kind === "cidr");
  if (foreign !== undefined) {
    return `${foreign.text} is not of this infra, and nobody there is sent packets`;
  }
  if (from.kind === "outside") return "it begins outside, where this host has nobody to send it";
  const machines = new Set(machinesOf(infra).map(({ name }) => name));
  const still = [flow.from, flow.to].find((name) => machines.has(name) && !running.has(name));
  if (still !== undefined) return `${still} does not run`;
  return limited ? "`--domain` leaves it out" : "no probe of this run was about it";
}

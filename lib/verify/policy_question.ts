import { type Infra, machinesOf, type NetworkPolicy, type PolicyEnd } from "../infra/infra.ts";
import type { Service } from "./probe.ts";

/** A flow in the arguments of `network why`. */
export interface FlowText {
  readonly from: string;
  readonly to: string;
  readonly service: Service;
}

/**
 * Returns one flow that a policy opens, between machines of `preferred` (those that run) if
 * possible. undefined: it opens nothing, as its ends hold no machine.
 */
export function policyFlow(
  infra: Infra,
  policy: NetworkPolicy,
  preferred: ReadonlySet<string>,
): FlowText | undefined {
  const [first] = policy.ports === "all" ? [{ first: 8080 }] : policy.ports;
  const service: Service = { protocol: policy.protocol ?? "tcp", port: first?.first ?? 8080 };
  const [froms, tos] = [policy.from, policy.to].map((end) => standIns(infra, end, preferred));
  const domainOf = new Map(machinesOf(infra).map(({ name, domain }) => [name, domain]));
  for (const from of froms ?? []) {
    for (const to of tos ?? []) {
      const [here, there] = [domainOf.get(from), domainOf.get(to)];
      // Within a domain no policy is needed, and between foreign addresses none applies.
      if (here === there) continue;
      return { from, to, service };
    }
  }
  return undefined;
}

/** Returns names that represent an end, the likeliest first; one machine for each domain. */
function standIns(infra: Infra, end: PolicyEnd, preferred: ReadonlySet<string>): readonly string[] {
  const runningFirst = (names: readonly string[]) => [
    ...names.filter((name) => preferred.has(name)),
    ...names.filter((name) => !preferred.has(name)),
  ];
  switch (end.kind) {
    case "machines":
      return runningFirst(end.machines);
    case "domains": {
      const wanted = new Set(end.domains);
      return runningFirst(
        infra.domains.filter(({ name }) => wanted.has(name)).flatMap(({ machines }) => {
          const [first] = runningFirst(machines.map(({ name }) => name));
          return first === undefined ? [] : [first];
        }),
      );
    }
    case "cidr":
      return [end.cidr];
    case "host":
    case "outside":
      return [end.kind];
  }
}

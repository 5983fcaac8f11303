import type { Addressing } from "../addressing/addressing.ts";
import type { Diagnostic } from "../diag/diagnostic.ts";
import type { Infra } from "../infra/infra.ts";
import { addressInterval } from "./interval.ts";

/**
 * Warns of policies whose CIDR covers a domain of the infra: it opens nothing towards that domain,
 * which may surprise the author. Not part of `parseInfra`, which does not know the addresses.
 */
export function policyWarnings(infra: Infra, addressing: Addressing): Diagnostic[] {
  const subnets = [...addressing.domains.values()].flatMap((domain) =>
    [domain.subnet, domain.ipv6?.subnet].filter((each) => each !== undefined).map((subnet) => ({
      domain: domain.domain,
      ...addressInterval(subnet),
    }))
  );
  return infra.policies.flatMap((policy) =>
    [policy.from, policy.to].flatMap((end): Diagnostic[] => {
      if (end.kind !== "cidr") return [];
      const { version, first, last } = addressInterval(end.cidr);
      const covered = subnets.filter((subnet) =>
        subnet.version === version && subnet.first <= last && subnet.last >= first
      );
      if (covered.length === 0) return [];
      const names = covered.slice(0, 3).map((each) => each.domain).join(", ");
      return [{
        severity: "warning",
        code: "POLICY_CIDR_OWN",
        summary: `"${end.text}" covers ${names}${covered.length > 3 ? "…" : ""}, ` +
          "which this policy does not open",
        detail: "A CIDR means addresses outside the infra",
        remedy: "Name the domain or the machine",
        range: policy.range,
      }];
    })
  );
}

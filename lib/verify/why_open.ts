import { optional } from "../diag/optional.ts";
import type { Infra } from "../infra/infra.ts";
import type { Verdict } from "./expect.ts";
import type { TracedFlow, Words } from "./explanation.ts";
import type { ProbePlace } from "./probe.ts";

/** Explains which set of anklume's rules opens a flow. undefined: none of them. */
export function whyOpen(
  infra: Infra,
  set: string | undefined,
  { from, to, expected }: TracedFlow,
): Words {
  switch (set) {
    case "orphans":
      return {
        reason: `both remain from \`${from.kind === "machine" ? from.domain : ""}\`, which ` +
          "is no longer in infra.yml: they reach only their own bridge",
        change: ["`anklume apply --prune` deletes them"],
      };
    case "own":
    case "ports":
      return {
        reason: "both are in the same domain, whose machines reach each other",
        change: ["move one of them to another domain"],
      };
    case "services":
      return { reason: "its own gateway's DHCP and DNS are open to every domain", change: [] };
    case "internet":
    case "via": {
      const domain = infra.domains.find(({ name }) =>
        from.kind === "machine" && name === from.domain
      );
      const origin = domain?.ranges.get("internet");
      return {
        reason: `the domain ${domain?.name} has internet`,
        ...optional({ origin }),
        change: [`internet: false    # of ${domain?.name}`],
      };
    }
    case "published": {
      const found = expected.publish;
      return {
        reason: `the port is published to ${found?.machine} ${found?.publish.to}`,
        ...optional({ origin: found?.publish.range }),
        change: ["remove it from `publish`"],
      };
    }
    case "policies":
    case "to_outside":
    case "from_outside":
    case "to_host": {
      const { policy } = expected;
      if (policy === undefined) {
        return { reason: "an element that no policy of infra.yml explains", change: [] };
      }
      return {
        reason: `${policy.id} opens it${
          policy.description === "" ? "" : ` ("${policy.description}")`
        }`,
        origin: policy.range,
        change: ["narrow or remove that policy"],
      };
    }
    default:
      return { reason: whyNoRule(from, to, expected), change: [] };
  }
}

function whyNoRule(from: ProbePlace, to: ProbePlace, { because }: Verdict): string {
  if (from.kind === "host") {
    return "the host is trusted: no anklume rule blocks its way to a machine";
  }
  if (because === "not-ours") {
    return "it is a port of the host itself, which anklume neither opens nor closes";
  }
  return to.kind === "machine"
    ? "a rule that anklume did not make lets it through"
    : "no anklume rule applies to it";
}

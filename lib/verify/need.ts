import { type Infra, machinesOf, type NetworkPolicy, type Publish } from "../infra/infra.ts";
import { type FlowText, policyFlow } from "./policy_question.ts";

/** A promise of infra.yml, and one flow that tests it. */
export type Need =
  & { readonly flow: FlowText }
  & (
    | { readonly kind: "internet" | "names" | "neighbours"; readonly domain: string }
    | { readonly kind: "policy"; readonly policy: NetworkPolicy }
    | { readonly kind: "publish"; readonly machine: string; readonly publish: Publish }
  );

/** At most this many of each kind are tested in a large infra. */
const MOST = 32;

/** Returns the flows that a host must let pass; `running` machines are preferred. Pure. */
export function needsOf(infra: Infra, running: ReadonlySet<string>): Need[] {
  const needs: Need[] = [];
  const domains = infra.domains.filter(({ enabled, machines }) => enabled && machines.length > 0);
  for (const { name, machines, internet } of domains.slice(0, MOST)) {
    const chosen = [...machines].sort((a, b) =>
      Number(running.has(b.name)) - Number(running.has(a.name))
    );
    const [first, second] = chosen;
    if (first === undefined) continue;
    const from = first.name;
    needs.push({
      kind: "names",
      domain: name,
      flow: { from, to: "host", service: { protocol: "udp", port: 53 } },
    });
    if (internet.kind === "full" || internet.kind === "public-only") {
      needs.push({
        kind: "internet",
        domain: name,
        flow: { from, to: "outside", service: { protocol: "tcp", port: 443 } },
      });
    }
    if (second !== undefined) {
      needs.push({
        kind: "neighbours",
        domain: name,
        flow: { from, to: second.name, service: { protocol: "icmp", port: 0 } },
      });
    }
  }
  needs.push(...policyNeeds(infra, infra.policies.slice(0, MOST), running));
  needs.push(...publishNeeds(infra).slice(0, MOST));
  return needs;
}

/** Returns the needs of the policies that open something. */
export function policyNeeds(
  infra: Infra,
  policies: readonly NetworkPolicy[],
  running: ReadonlySet<string>,
): Need[] {
  return policies.flatMap((policy): Need[] => {
    const flow = policyFlow(infra, policy, running);
    return flow === undefined ? [] : [{ kind: "policy", policy, flow }];
  });
}

export function publishNeeds(infra: Infra): Need[] {
  return machinesOf(infra).flatMap(({ name, publish: all }) =>
    all.map((publish): Need => ({
      kind: "publish",
      machine: name,
      publish,
      flow: {
        from: "outside",
        to: "host",
        service: { protocol: publish.protocol, port: publish.host },
      },
    }))
  );
}

/** Returns a text such as `policy-1 (infra.yml:9), left -> 172.17.0.2/32 8080/tcp`. */
export function needText(need: Need): string {
  switch (need.kind) {
    case "internet":
      return `the internet of ${need.domain}`;
    case "names":
      return `DNS and DHCP of ${need.domain}`;
    case "neighbours":
      return `traffic between the machines of ${need.domain}`;
    case "policy": {
      const { id, from, to, range } = need.policy;
      return `${id} (${range.file}:${range.start.line}), ${from.text} -> ${to.text}`;
    }
    case "publish": {
      const { host, to, protocol, range } = need.publish;
      return `port ${host}/${protocol}, published to ${need.machine} ${to} ` +
        `(${range.file}:${range.start.line})`;
    }
  }
}

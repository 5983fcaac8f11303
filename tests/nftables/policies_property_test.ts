import assert from "node:assert/strict";
import fc from "fast-check";
import type { Box } from "../../lib/nftables/disjoint_boxes.ts";
import { addressInterval } from "../../lib/nftables/interval.ts";
import { policyFlows } from "../../lib/nftables/policy_flow.ts";
import { buildInfra, type BuiltInfra, type InfraSpec, type PolicySpec } from "./_infra.ts";
import { rulesetOf } from "./_rules.ts";

const DOMAINS = ["a", "b", "c"];
const MACHINES = DOMAINS.flatMap((domain) => [1, 2, 3].map((i) => `${domain}${i}`));
/** CIDRs that overlap each other, the domains, or neither. */
const CIDRS = [
  "10.0.0.0/8",
  "10.120.0.0/23",
  "10.120.1.2/32",
  "172.17.0.0/16",
  "172.17.3.0/24",
  "fd00::/16",
];
const PROTOCOLS = { tcp: 6, udp: 17, icmp: 1 } as const;

const end = fc.constantFrom(...DOMAINS, ...MACHINES, ...CIDRS, "host", "outside");
const port = fc.integer({ min: 1, max: 40 });
const range = fc.tuple(port, port).map(([a, b]) => ({
  first: Math.min(a, b),
  last: Math.max(a, b),
}));
const policy: fc.Arbitrary<PolicySpec> = fc.record({
  from: end,
  to: end,
  bidirectional: fc.boolean(),
}).chain((base) =>
  fc.oneof(
    fc.constant(base),
    fc.constantFrom("tcp" as const, "udp" as const).map((protocol) => ({ ...base, protocol })),
    fc.record({
      ports: fc.array(range, { minLength: 1, maxLength: 3 }),
      protocol: fc.constantFrom("tcp" as const, "udp" as const),
    }).map((more) => ({ ...base, ...more })),
  )
);
const policies = fc.array(policy, { maxLength: 12 });

/** A sender or receiver: a machine, or an address elsewhere. */
interface Party {
  readonly address: string;
  readonly machine?: string;
  readonly domain?: string;
}

const spec = (list: readonly PolicySpec[]): InfraSpec => ({
  ipv6: true,
  domains: DOMAINS.map((name) => ({
    name,
    machines: MACHINES.filter((machine) => machine.startsWith(name)),
  })),
  policies: list,
});

function parties({ addressing }: BuiltInfra, version: 4 | 6): Party[] {
  const machines = [...addressing.machines.values()].map((each) => ({
    address: version === 4 ? each.ip : each.ipv6!,
    machine: each.machine,
    domain: each.domain,
  }));
  const others = version === 4
    ? ["172.17.3.9", "172.17.9.9", "10.99.0.1"]
    : ["fd00:9::1", "2001:db8::1"];
  return [...machines, ...others.map((address) => ({ address }))];
}

/** Returns the verdict of infra.yml, read as a user would: the second opinion on `policyFlows`. */
function allowed(
  list: readonly PolicySpec[],
  from: Party | "host" | "outside",
  to: Party | "host" | "outside",
  protocol: keyof typeof PROTOCOLS,
  at: number,
): boolean {
  const is = (name: string, party: Party | "host" | "outside"): boolean => {
    if (typeof party === "string") return name === party;
    if (name === party.machine || name === party.domain) return true;
    return name.includes("/") && party.domain === undefined && within(party.address, name);
  };
  return list.some((policy) => {
    const service = policy.ports === undefined
      ? policy.protocol === undefined || policy.protocol === protocol
      : (policy.protocol ?? "tcp") === protocol &&
        policy.ports.some((each) =>
          typeof each === "number" ? each === at : each.first <= at && at <= each.last
        );
    if (!service) return false;
    return is(policy.from, from) && is(policy.to, to) ||
      policy.bidirectional === true && is(policy.to, from) && is(policy.from, to);
  });
}

function within(address: string, cidr: string): boolean {
  const [one, all] = [addressInterval(address), addressInterval(cidr)];
  return one.version === all.version && one.first >= all.first && one.first <= all.last;
}

/**
 * Returns how many elements of a set a packet matches: at most one, or nft would refuse the set.
 */
function matches(boxes: readonly Box[], ...point: readonly bigint[]): number {
  return boxes.filter(({ sides }) =>
    sides.every((side, i) => side.first <= point[i]! && point[i]! <= side.last)
  ).length;
}

const value = (party: Party) => addressInterval(party.address).first;

Deno.test("the rendered sets decide every flow as the policies read", () => {
  fc.assert(
    fc.property(
      policies,
      fc.constantFrom(...Object.keys(PROTOCOLS) as (keyof typeof PROTOCOLS)[]),
      fc.integer({ min: 1, max: 41 }),
      (list, protocol, at) => {
        const built = buildInfra(spec(list));
        const flows = policyFlows(built.infra, built.addressing);
        const service = [BigInt(PROTOCOLS[protocol]), BigInt(at)];
        for (const version of [4, 6] as const) {
          const everyone = parties(built, version);
          for (const from of everyone.filter((party) => party.domain !== undefined)) {
            const count = (set: "to_host" | "to_outside" | "from_outside") =>
              matches(flows[set][version], value(from), ...service);
            assert.equal(count("to_host"), Number(allowed(list, from, "host", protocol, at)));
            assert.equal(count("to_outside"), Number(allowed(list, from, "outside", protocol, at)));
            assert.equal(
              count("from_outside"),
              Number(allowed(list, "outside", from, protocol, at)),
            );
          }
          for (const from of everyone) {
            for (const to of everyone) {
              // Within a domain, and between foreign addresses, policies do not decide.
              if (from.domain === to.domain) continue;
              assert.equal(
                matches(flows.policies[version], value(from), value(to), ...service),
                Number(allowed(list, from, to, protocol, at)),
                `${from.address} -> ${to.address}`,
              );
            }
          }
        }
      },
    ),
    { numRuns: 60 },
  );
});

Deno.test("nft accepts the ruleset of any policies: no element overlaps another", async () => {
  await fc.assert(
    fc.asyncProperty(policies, async (list) => {
      const child = new Deno.Command("unshare", {
        args: ["--net", "nft", "-f", "-"],
        stdin: "piped",
        stderr: "piped",
      }).spawn();
      const writer = child.stdin.getWriter();
      await writer.write(new TextEncoder().encode(rulesetOf(buildInfra(spec(list))).text));
      await writer.close();
      assert.equal(new TextDecoder().decode((await child.output()).stderr), "");
    }),
    { numRuns: 25 },
  );
});

Deno.test("the order in which domains and machines are declared changes nothing", () => {
  fc.assert(
    fc.property(policies, fc.shuffledSubarray(DOMAINS, { minLength: 3 }), (list, order) => {
      const built = buildInfra(spec(list));
      const domains = order.map((name) => {
        const domain = built.infra.domains.find((each) => each.name === name)!;
        return { ...domain, machines: domain.machines.toReversed() };
      });
      const shuffled = { ...built, infra: { ...built.infra, domains } };
      assert.equal(rulesetOf(shuffled).digest, rulesetOf(built).digest);
    }),
    { numRuns: 20 },
  );
});

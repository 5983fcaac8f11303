/**
 * Measures the cost of the firewall for a packet forwarded between two domains: with 2 domains,
 * with 250 domains and 1,000 policies, and without a table. The three take turns, so that other
 * load of the machine affects all of them; the fastest of many batches counts for each. Runs in
 * network namespaces; needs root, no Incus.
 */
import { FAMILIES } from "../../lib/nftables/ruleset.ts";
import { buildInfra, type BuiltInfra } from "../../tests/nftables/_infra.ts";
import { Lab } from "../../tests/nftables/_lab.ts";
import { rulesetOf } from "../../tests/nftables/_rules.ts";

/** Limit of the cost of 250 domains compared with 2. */
const MOST = 1.05;
const ROUNDS = 30;
const TARGET = "10.120.1.1";
const PORT = 7777;

/**
 * Builds an infra. The first two domains are the same for any number, so one laboratory serves
 * both.
 */
function infraOf(domains: number, policies: number): BuiltInfra {
  const name = (i: number) => `d${i % domains}`;
  return buildInfra({
    domains: Array.from({ length: domains }, (_, i) => ({
      name: name(i),
      internet: { kind: i % 2 === 0 ? "full" as const : "none" as const },
      machines: [`${name(i)}-a`],
    })),
    policies: [
      { from: "d0", to: "d1" },
      ...Array.from({ length: policies - 1 }, (_, i) => ({
        from: name(i + 2),
        to: name(i * 7 + 3),
        ports: [{ first: 1000 + i, last: 1010 + i }, 22],
      })).filter(({ from, to }) => from !== to),
    ],
  });
}

interface Figures {
  /** Microseconds of one round trip. */
  readonly rtt: number;
  /** Gigabits per second. */
  readonly gbps: number;
}

/** Prints the figures; false if 250 domains cost more than the limit. */
export async function benchNetwork(): Promise<boolean> {
  const small = infraOf(2, 2);
  await using lab = await Lab.start(small);
  const { table, text } = rulesetOf(small);
  const large = rulesetOf(infraOf(250, 1000)).text;
  const none = FAMILIES.map((family) =>
    `table ${family} ${table}\ndelete table ${family} ${table}\n`
  ).join("");
  const [client, server] = [lab.agent("d0-a"), lab.agent("d1-a")];
  await server.ask("sink", { port: PORT });

  const variants = [["no table", none], ["2 domains", text], ["250 domains", large]] as const;
  const best = new Map<string, Figures>(
    variants.map(([name]) => [name, { rtt: Infinity, gbps: 0 }]),
  );
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, rules] of variants) {
      await lab.host.nft(rules);
      const rtt = await client.ask("round_trips", { host: TARGET, port: 53, count: 300 });
      const bytes = await client.ask("stream", { host: TARGET, port: PORT, seconds: 0.15 });
      const so = best.get(name)!;
      best.set(name, {
        rtt: Math.min(so.rtt, Number(rtt.seen)),
        gbps: Math.max(so.gbps, Number(bytes.seen)),
      });
    }
  }
  const [bare, two, many] = variants.map(([name]) => best.get(name)!) as [
    Figures,
    Figures,
    Figures,
  ];
  console.log(`Forward path between two domains, the best of ${ROUNDS} turns:`);
  for (const [name, { rtt, gbps }] of best) {
    console.log(
      `  ${name.padEnd(12)} ${rtt.toFixed(1).padStart(7)} µs a round trip ${
        gbps.toFixed(2).padStart(8)
      } Gbit/s`,
    );
  }
  const latency = many.rtt / two.rtt, throughput = two.gbps / many.gbps;
  console.log(
    `  250 against 2 domains: latency ×${latency.toFixed(3)}, throughput ×${
      (1 / throughput).toFixed(3)
    } (at most ×${MOST})`,
  );
  console.log(
    `  2 domains against no table: latency ×${(two.rtt / bare.rtt).toFixed(3)}, throughput ×${
      (two.gbps / bare.gbps).toFixed(3)
    }`,
  );
  return latency <= MOST && throughput <= MOST;
}

if (import.meta.main) Deno.exit(await benchNetwork() ? 0 : 1);

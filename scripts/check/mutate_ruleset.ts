/**
 * Mutation of the ruleset: removes each rule, and each element of each set, from the rendered
 * firewall in turn, loads the rest into a laboratory of network namespaces, and tests with real
 * packets and forged frames if anything changed. Prints each mutant that no test notices: its rule
 * is needed by no test, or covered by another rule.
 *
 *   scripts/testbed run -- deno run -A scripts/check/mutate_ruleset.ts [--every N] [PATTERN]
 *
 * On a busy machine set LAB_PATIENCE=2 (seconds to wait for a packet): otherwise late packets count
 * as blocked. With `--every 10` only each tenth mutant, with PATTERN only those whose printed name
 * matches: `'^bridge '` is one table. Exit 1 if an unexplained mutant survives. `network verify`
 * and `check` notice all mutants without packets: they compare the live table with the rendered one
 * (tests/nftables/live_firewall_test.ts).
 */
import { failedConnections, FRAME_CHECKS, lastingFailures } from "../../tests/nftables/_battery.ts";
import { everything, everythingLive, startEverything } from "../../tests/nftables/_everything.ts";
import type { Lab } from "../../tests/nftables/_lab.ts";
import { rulesetOf } from "../../tests/nftables/_rules.ts";

/** A line of the ruleset that is left out. */
interface Mutant {
  readonly table: string;
  /** Chain, set or map. */
  readonly block: string;
  readonly line: string;
  readonly text: string;
}

/**
 * Mutants that no packet can tell from the whole ruleset, each with the reason: another rule does
 * the same work. These rules stay, because each is the only guard in a situation that the
 * laboratory does not create.
 */
const EXPLAINED: readonly (readonly [RegExp, string])[] = JSON.parse(
  await Deno.readTextFile(new URL("mutate_ruleset.json", import.meta.url)),
).map(([pattern, why]: [string, string]) => [new RegExp(pattern), why]);

function mutantsOf(text: string): Mutant[] {
  const lines = text.split("\n");
  const mutants: Mutant[] = [];
  let table = "", block = "", inElements = false;
  const without = (i: number) => lines.toSpliced(i, 1).join("\n");
  for (const [i, line] of lines.entries()) {
    const word = line.trim();
    if (/^table \S+ \S+ \{$/.test(line)) table = word.split(" ")[1] ?? "";
    else if (/^\t(chain|set|map) /.test(line)) block = word.replace(" {", "");
    else if (word === "elements = {") inElements = true;
    else if (inElements && word === "}") inElements = false;
    else if (inElements) {
      // The last one of a list leaves the comma of the one before, which nft accepts.
      const alone = lines[i - 1]?.trim() === "elements = {" && lines[i + 1]?.trim() === "}";
      const rest = alone ? lines.toSpliced(i - 1, 3).join("\n") : without(i);
      mutants.push({ table, block, line: word.replace(/,$/, ""), text: rest });
    } else if (line.startsWith("\t\t") && block.startsWith("chain") && !/^type /.test(word)) {
      mutants.push({ table, block, line: word, text: without(i) });
    }
  }
  return mutants;
}

type Outcome = "by connections" | "by frames" | "by nft, which refuses them";

interface Notice {
  readonly outcome: Outcome;
  readonly what: string;
  /** True if the failure is gone. */
  readonly holds: (lab: Lab) => Promise<boolean>;
}

async function byConnections(lab: Lab): Promise<Notice | undefined> {
  for (const { name, holds } of await failedConnections(lab)) {
    if (!(await holds(lab))) return { outcome: "by connections", what: name, holds };
  }
}

async function byFrames(lab: Lab): Promise<Notice | undefined> {
  for (const check of FRAME_CHECKS) {
    const first = await check(lab);
    if (first.length === 0) continue;
    const again = new Set(await check(lab));
    const what = first.find((each) => again.has(each));
    if (what === undefined) continue;
    return {
      outcome: "by frames",
      what,
      holds: async (lab) => !(await check(lab)).includes(what),
    };
  }
}

/** Returns the check that fails, twice, so that a busy machine does not count; undefined: none. */
async function noticed(lab: Lab, mutant: Mutant): Promise<Notice | undefined> {
  try {
    await lab.host.nft(mutant.text);
  } catch {
    return {
      outcome: "by nft, which refuses them",
      what: "nft",
      holds: () => Promise.resolve(true),
    };
  }
  const [first, second] = mutant.table === "bridge"
    ? [byFrames, byConnections]
    : [byConnections, byFrames];
  return await first(lab) ?? await second(lab);
}

/** The same, and checks that the mutant was the cause: the check passes with the whole ruleset. */
async function judge(lab: Lab, mutant: Mutant): Promise<Notice | undefined> {
  for (let attempt = 0; attempt < 5; attempt++) {
    const notice = await noticed(lab, mutant);
    await lab.host.nft(whole);
    if (notice === undefined || await notice.holds(lab)) return notice;
    // Traces of a mutant may still be cached: a neighbour's MAC, or its port.
    await Promise.all(
      [lab.host, ...lab.agents.values()].map((agent) => agent.run("ip", "neigh", "flush", "all")),
    );
    await failedConnections(lab);
  }
  throw new Error(`with the whole ruleset something is wrong since: ${nameOf(mutant)}`);
}

const every = Deno.args[0] === "--every" ? Number(Deno.args[1]) : 1;
const pattern = new RegExp((every === 1 ? Deno.args[0] : Deno.args[2]) ?? "");
const whole = rulesetOf(everything, everythingLive).text;
const nameOf = ({ table, block, line }: Mutant) => `${table} ${block}: ${line}`;
const mutants = mutantsOf(whole).filter((mutant) => pattern.test(nameOf(mutant)))
  .filter((_, i) => i % every === 0);

const labs = await Promise.all([startEverything(), startEverything()]);
for (const lab of labs) {
  await lab.host.nft(whole);
  const wrong = await lastingFailures(lab);
  if (wrong.length > 0) {
    console.error(`The whole ruleset fails already:\n  ${wrong.join("\n  ")}`);
    Deno.exit(2);
  }
}

const survivors: string[] = [];
const counts: Record<Outcome, number> = {
  "by connections": 0,
  "by frames": 0,
  "by nft, which refuses them": 0,
};
let explained = 0, done = 0;
const began = performance.now();
const elapsed = () => {
  const seconds = Math.round((performance.now() - began) / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
};
const queue = [...mutants];
await Promise.all(labs.map(async (lab) => {
  for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
    const name = nameOf(mutant);
    const found = await judge(lab, mutant);
    const progress = `${++done}/${mutants.length} ${elapsed()}`;
    if (found !== undefined) {
      counts[found.outcome]++;
      console.log(`${progress} noticed   ${name}\n            by ${found.what}`);
    } else {
      const reason = EXPLAINED.find(([each]) => each.test(name))?.[1];
      if (reason === undefined) survivors.push(name);
      else explained++;
      console.log(`${progress} ${reason === undefined ? "SURVIVED " : "explained"} ${name}`);
    }
  }
}));
await Promise.all(labs.map((lab) => lab[Symbol.asyncDispose]()));

const sum = Object.values(counts).reduce((a, b) => a + b);
console.log(
  `${mutants.length} mutants in ${elapsed()}: ${sum} noticed, ${explained} explained, ${survivors.length} survived`,
);
for (const [outcome, count] of Object.entries(counts)) console.log(`  ${count} ${outcome}`);
for (const name of survivors) console.log(`  SURVIVED ${name}`);
Deno.exit(survivors.length === 0 ? 0 : 1);

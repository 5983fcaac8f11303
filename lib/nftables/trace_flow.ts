import { withProgramFile } from "../host/program_file.ts";
import { FirewallError } from "./firewall_error.ts";
import { type LegacyDrop, parseTraces, type Trace } from "./parse_trace.ts";
import type { Ruleset } from "./ruleset.ts";
import { FAMILIES } from "./ruleset.ts";
import { firewallError, listTable, type NftOptions, runNft } from "./run_nft.ts";
import { SAVE_AND_ENTER, type Stage, stageEnds, stageScript } from "./stage.ts";

/** The results of the copied rules for all packets of a stage. */
export interface TraceRun {
  /** In the order of the stage's packets. */
  readonly traces: readonly Trace[];
  /** Rules of the host that this kernel could not copy: `ip filter DOCKER`. */
  readonly skipped: readonly string[];
  /** Chains of iptables-legacy, which show the owner of a rule. */
  readonly legacyChains: readonly Pick<LegacyDrop, "family" | "table" | "chain">[];
}

interface TraceOptions extends NftOptions {
  /** Copies only the infra's tables, no others of the host. */
  readonly alone?: boolean;
}

/**
 * Asks the kernel what the host's live rules do with packets. All rules are copied, as the kernel
 * reports them, into an empty network namespace with interfaces of the same names and numbers. The
 * packets are sent there, and `nft monitor trace` prints each rule that they and their answers
 * meet. The host's own tables and interfaces are not changed. `program` is probe/ruleset.c.
 * @throws FirewallError if the infra's tables are missing, or the rules cannot be read
 */
export async function traceFlows(
  ruleset: Pick<Ruleset, "table" | "project">,
  stage: Stage,
  program: Uint8Array,
  { alone = false, ...options }: TraceOptions = {},
): Promise<TraceRun> {
  await assertLoaded(ruleset, options);
  if (stage.packets.length === 0) return { traces: [], skipped: [], legacyChains: [] };
  const output = await withProgramFile(
    program,
    { root: "/etc/anklume", name: `.anklume-rules-${crypto.randomUUID()}` },
    async (path) => {
      const only = alone ? ruleset.table : "";
      try {
        return await runNft(["unshare", "--", "sh", "-c", SAVE_AND_ENTER, "sh", path, only], {
          ...options,
          stdin: stageScript(stage),
        });
      } catch (error) {
        throw firewallError("Cannot find out from the kernel what the live rules do", error);
      }
    },
  );
  return readRun(output, stage);
}

async function assertLoaded(
  { table, project }: Pick<Ruleset, "table" | "project">,
  options: NftOptions,
): Promise<void> {
  const live = await Promise.all(
    FAMILIES.map((family) => listTable(family, table, { ...options, terse: true })),
  );
  if (!live.includes(undefined)) return;
  throw new FirewallError(
    "differs",
    `The firewall of "${project}" is not loaded: no rule decides, the domains are open`,
    "`anklume apply` loads it; `anklume network deploy` loads only the firewall",
  );
}

function readRun(output: string, stage: Stage): TraceRun {
  const [before = "", played = "", trace = ""] = output.split(/^=== \w+\n/m);
  const skipped = before.split("\n").flatMap((line) => {
    const [, family, table, name] = /^skipped (\S+) (\S+) (\S+) /.exec(line) ?? [];
    return family === undefined ? [] : [`${family} ${table}${name === "-" ? "" : ` ${name}`}`];
  });
  const { drops, chains } = readPlayed(played);
  const places = new Map([...stageEnds(stage)].map(([name, end]) => [end, name]));
  return {
    traces: parseTraces(trace, stage.packets.length, places)
      .map((each, i) => ({ ...each, legacy: drops.get(i + 1) ?? [] })),
    skipped: [...new Set(skipped)],
    legacyChains: chains,
  };
}

/**
 * Reads the counters of all rules that dropped something, listed after each packet: the rule whose
 * counter rose dropped it.
 */
function readPlayed(text: string) {
  const drops = new Map<number, LegacyDrop[]>();
  const chains: TraceRun["legacyChains"][number][] = [];
  const counted = new Map<string, string>();
  let current = 0;
  for (const line of text.split("\n")) {
    const [word, family = "", table = "", chain = "", rule = "", packets = ""] = line.split(" ");
    if (word === "played") current = Number(family);
    if (word === "chain") chains.push({ family, table, chain });
    if (word !== "dropped") continue;
    const key = `${family} ${table} ${chain} ${rule}`;
    if (counted.get(key) === packets) continue;
    counted.set(key, packets);
    drops.set(current, [...drops.get(current) ?? [], { family, table, chain, rule }]);
  }
  return { drops, chains };
}

/**
 * Returns the element of a set that holds a key, with its comment, as in the live table; undefined
 * if there is none.
 */
export async function liveElement(
  table: string,
  set: string,
  key: string,
  options: NftOptions = {},
): Promise<string | undefined> {
  try {
    const text = await runNft(["nft", "get", "element", "inet", table, set, `{ ${key} }`], options);
    return /elements = \{ (.*?) \}/s.exec(text)?.[1]?.replaceAll(/\s+/g, " ");
  } catch {
    // nft prints "No such file or directory" for a missing element.
    return undefined;
  }
}

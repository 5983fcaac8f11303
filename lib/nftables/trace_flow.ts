import { withProgramFile } from "../host/program_file.ts";
import { FirewallError } from "./firewall_error.ts";
import { parseTraces, type TraceStep } from "./parse_trace.ts";
import type { Ruleset } from "./ruleset.ts";
import { FAMILIES } from "./ruleset.ts";
import { firewallError, listTable, type NftOptions, runNft } from "./run_nft.ts";
import { SAVE_AND_ENTER, type Stage, stageEnds, stageScript } from "./stage.ts";

/** What became of one packet, and of the answer to it. */
export interface Trace {
  /** Each rule that it met, in order. */
  readonly steps: readonly TraceStep[];
  /** Where it came out: a port or interface of the stage, or `host`; undefined: nowhere. */
  readonly arrivedAt?: string;
  /** The rules that the answer met; empty where there was none. */
  readonly back: readonly TraceStep[];
  readonly answered: boolean;
}

/** What the copied rules did with all packets of a stage. */
export interface TraceRun {
  /** In the order of the stage's packets. */
  readonly traces: readonly Trace[];
  /** What of the host's rules this kernel did not take a copy of: `ip filter DOCKER`. */
  readonly skipped: readonly string[];
  /** Rules of iptables-legacy that dropped something: nft does not tell of them which packet. */
  readonly legacy: readonly LegacyDrop[];
}

export interface LegacyDrop {
  readonly family: string;
  readonly table: string;
  readonly chain: string;
  /** `3`, or `policy`. */
  readonly rule: string;
}

export interface TraceOptions extends NftOptions {
  /** The infra's tables alone, without whatever else is on the host. */
  readonly alone?: boolean;
}

/**
 * What the host's live rules do with packets, asked of the kernel: all of them are copied, as the kernel tells them, into an empty
 * network namespace with interfaces of the same names and numbers, the packets are played there, and `nft monitor trace` tells each rule
 * that they and their answers meet. The host's own tables and interfaces are not touched. `program` is probe/ruleset.c.
 * @throws FirewallError where the infra's tables are missing, or the rules cannot be read
 */
export async function traceFlows(
  ruleset: Pick<Ruleset, "table" | "project">,
  stage: Stage,
  program: Uint8Array,
  { alone = false, ...options }: TraceOptions = {},
): Promise<TraceRun> {
  await assertLoaded(ruleset, options);
  if (stage.packets.length === 0) return { traces: [], skipped: [], legacy: [] };
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
        throw firewallError("Cannot ask the kernel what the live rules do", error);
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
    `The firewall of "${project}" is not loaded: no rule decides, the domains stand open`,
    "`anklume apply` loads it, `anklume network deploy` loads it alone",
  );
}

function readRun(output: string, stage: Stage): TraceRun {
  const [before = "", trace = "", drops = ""] = output.split(/^=== \w+\n/m);
  const skipped = before.split("\n").flatMap((line) => {
    const [, family, table, name] = /^skipped (\S+) (\S+) (\S+) /.exec(line) ?? [];
    return family === undefined ? [] : [`${family} ${table}${name === "-" ? "" : ` ${name}`}`];
  });
  const legacy = drops.split("\n").flatMap((line): LegacyDrop[] => {
    const [, family, table, chain, rule] = /^dropped (\S+) (\S+) (\S+) (\S+) /.exec(line) ?? [];
    return family === undefined || table === undefined || chain === undefined || rule === undefined
      ? []
      : [{ family, table, chain, rule }];
  });
  const places = new Map([...stageEnds(stage)].map(([name, end]) => [end, name]));
  return {
    traces: parseTraces(trace, stage.packets.length, places),
    skipped: [...new Set(skipped)],
    legacy,
  };
}

/** The element of a set that holds a key, with its comment, as the live table has it; undefined where none does. */
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
    // nft says "No such file or directory" for an element that is not there.
    return undefined;
  }
}

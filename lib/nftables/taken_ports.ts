import { CommandError, runCommand } from "../host/command.ts";
import { readTextFileIfAny } from "../host/workspace_file.ts";
import { type Listener, readListeners } from "./listener.ts";
import { parseAnklumeTables, parsePublished, parseRedirects, type Redirect } from "./redirect.ts";
import { RULES_DIRECTORY } from "./ruleset.ts";
import type { NftOptions } from "./run_nft.ts";

/** Who uses ports of the host already. */
export interface TakenPorts {
  /** undefined: there is no `ss` to ask. */
  readonly listeners?: readonly Listener[];
  /** Of rules that are not this infra's; undefined: that takes root. */
  readonly redirects?: readonly Redirect[];
  /** `tcp 22`: what this infra publishes already, live or at the next boot. */
  readonly published: readonly string[];
}

const TIMEOUT_MS = 30_000;

/** Looks who listens on this host, and whose rules send ports of it elsewhere. */
export async function readTakenPorts(project: string, options: NftOptions): Promise<TakenPorts> {
  const own = `anklume_${project}`;
  const [listeners, ruleset] = await Promise.all([
    readListeners(options),
    nft(["-t", "list", "ruleset"], options),
  ]);
  const atBoot = publishedAtBoot(project);
  if (ruleset === undefined) return { ...(listeners ? { listeners } : {}), published: atBoot };
  const tables = await Promise.all(
    parseAnklumeTables(ruleset).map(async (table) => {
      const map = await nft(["list", "map", "inet", table, "publish"], options);
      return { table, ports: map === undefined ? [] : parsePublished(map) };
    }),
  );
  const others = tables.filter(({ table }) => table !== own).flatMap(({ table, ports }) =>
    ports.map((text): Redirect => {
      const [protocol, port] = text.split(" ");
      const number = Number(port);
      return {
        ...(protocol === "tcp" || protocol === "udp" ? { protocol } : {}),
        first: number,
        last: number,
        table: `inet ${table}`,
      };
    })
  );
  return {
    ...(listeners ? { listeners } : {}),
    redirects: [...parseRedirects(ruleset), ...others],
    published: [
      ...atBoot,
      ...tables.filter(({ table }) => table === own).flatMap(({ ports }) => ports),
    ],
  };
}

/** From the file that anklume wrote: after a flush of the rules it alone tells. */
function publishedAtBoot(project: string): string[] {
  const text = readTextFileIfAny(`${project}.nft`, { root: RULES_DIRECTORY }) ?? "";
  const elements = text.matchAll(/\b(tcp|udp) \. (\d+)(?: comment "[^"]*")? : \d/g);
  return [...elements].map(([, protocol, port]) => `${protocol} ${port}`);
}

/** undefined: it is not there, refuses, or there is no such map. */
async function nft(args: readonly string[], { signal }: NftOptions): Promise<string | undefined> {
  try {
    return (await runCommand(["nft", "-j", ...args], { signal, timeoutMs: TIMEOUT_MS })).stdout;
  } catch (error) {
    if (error instanceof CommandError && error.reason !== "interrupted") return undefined;
    throw error;
  }
}

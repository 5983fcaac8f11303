import { optional } from "../diag/optional.ts";
import { CommandError, PATIENCE_MS, runCommand } from "../host/command.ts";
import { readTextFileIfAny } from "../host/workspace_file.ts";
import { type Listener, readListeners } from "./listener.ts";
import { parseAnklumeTables, parsePublished, parseRedirects, type Redirect } from "./redirect.ts";
import { RULES_DIRECTORY } from "./ruleset.ts";
import type { NftOptions } from "./run_nft.ts";

/** The present users of the host's ports. */
export interface TakenPorts {
  /** undefined: `ss` is not installed. */
  readonly listeners?: readonly Listener[];
  /** Redirections by rules that are not this infra's; undefined: reading needs root. */
  readonly redirects?: readonly Redirect[];
  /** Ports that this infra publishes already, live or at the next boot, as `tcp 22`. */
  readonly published: readonly string[];
}

/** Reads the listeners of this host, and the rules that redirect its ports. */
export async function readTakenPorts(project: string, options: NftOptions): Promise<TakenPorts> {
  const own = `anklume_${project}`;
  const [listeners, ruleset] = await Promise.all([
    readListeners(options),
    nft(["-t", "list", "ruleset"], options),
  ]);
  const atBoot = publishedAtBoot(project);
  if (ruleset === undefined) return { ...optional({ listeners }), published: atBoot };
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
    ...optional({ listeners }),
    redirects: [...parseRedirects(ruleset), ...others],
    published: [
      ...atBoot,
      ...tables.filter(({ table }) => table === own).flatMap(({ ports }) => ports),
    ],
  };
}

/**
 * Reads the published ports from the file that anklume wrote: after a flush of the rules it is the
 * only source.
 */
function publishedAtBoot(project: string): string[] {
  const text = readTextFileIfAny(`${project}.nft`, { root: RULES_DIRECTORY }) ?? "";
  const elements = text.matchAll(/\b(tcp|udp) \. (\d+)(?: comment "[^"]*")? : \d/g);
  return [...elements].map(([, protocol, port]) => `${protocol} ${port}`);
}

/** Returns undefined if nft is missing, fails, or there is no such map. */
async function nft(args: readonly string[], { signal }: NftOptions): Promise<string | undefined> {
  try {
    return (await runCommand(["nft", "-j", ...args], { signal, timeoutMs: PATIENCE_MS })).stdout;
  } catch (error) {
    if (error instanceof CommandError && error.reason !== "interrupted") return undefined;
    throw error;
  }
}

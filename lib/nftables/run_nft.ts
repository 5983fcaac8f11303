import { CommandError, PATIENCE_MS, runCommand } from "../host/command.ts";
import { FirewallError } from "./firewall_error.ts";
import { optional } from "../diag/optional.ts";

export interface NftOptions {
  readonly signal?: AbortSignal | undefined;
}

/** nft's message for a name that is not in /etc/protocols. */
export const UNKNOWN_PROTOCOL = /Could not resolve protocol name/;

/** Runs nft, or a program that runs it, and returns its output. */
export async function runNft(
  argv: readonly [string, ...string[]],
  { signal, stdin }: NftOptions & { readonly stdin?: string } = {},
): Promise<string> {
  const { stdout } = await runCommand(argv, {
    signal,
    timeoutMs: PATIENCE_MS,
    ...optional({ stdin }),
  });
  return stdout;
}

/** Returns the text of a live table as nft lists it; undefined if there is none. */
export async function listTable(
  family: string,
  table: string,
  { signal, terse = false, counters = false }: NftOptions & {
    /** Without the elements of sets. */
    readonly terse?: boolean;
    /** With counters, whose values change each time. */
    readonly counters?: boolean;
  } = {},
): Promise<string | undefined> {
  try {
    return await runNft([
      "nft",
      ...(counters ? [] : ["-s"]),
      ...(terse ? ["-t"] : []),
      "list",
      "table",
      family,
      table,
    ], {
      signal,
    });
  } catch (error) {
    if (error instanceof CommandError && /No such file or directory/.test(error.stderr)) {
      return undefined;
    }
    throw firewallError("Cannot read the firewall", error);
  }
}

/** Returns a program's failure as a FirewallError; all else (an interrupt, a bug) unchanged. */
export function firewallError(what: string, error: unknown): unknown {
  if (!(error instanceof CommandError)) return error;
  const options = { cause: error };
  if (isPermission(error)) {
    return new FirewallError(
      "not-permitted",
      `${what}: that needs root`,
      "Run the same command as root",
      options,
    );
  }
  // nft reads the names tcp and so on from /etc/protocols alone, which a minimal Debian lacks.
  if (UNKNOWN_PROTOCOL.test(error.stderr)) {
    return new FirewallError(
      "missing-program",
      `${what}: nft does not know protocol names`,
      "Install /etc/protocols (on Debian: apt install netbase); no machine is started without it",
      options,
    );
  }
  switch (error.reason) {
    case "interrupted":
      return error;
    case "missing":
    case "not-granted":
    case "denied":
      return new FirewallError(
        "missing-program",
        `${what}: ${error.message}`,
        error.argv[0] === "nft"
          ? "Install nftables (on Debian: apt install nftables); no machine is started without it"
          : `Install what provides ${error.argv[0]} (on Debian: apt install util-linux); ` +
            "no machine is started before the firewall has been read back",
        options,
      );
    default: {
      const words = error.stderr.trim().split("\n").slice(0, 4).join("\n");
      return new FirewallError(
        "refused",
        `${what}: ${words === "" ? error.message : `nft said: ${words}`}`,
        "The previous rules are all still in force. No machine is started; " +
          "check whether nft works at all: nft list tables",
        options,
      );
    }
  }
}

function isPermission(error: CommandError): boolean {
  return /Operation not permitted|Permission denied|must be root/.test(error.stderr);
}

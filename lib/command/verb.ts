import { type Command, InvalidArgumentError, Option } from "@commander-js/extra-typings";
import type { Network } from "../incus/wire/network.ts";
import type { Everything, SnapshotDetail } from "../snapshot/read_everything.ts";
import type { ExitStatus } from "../session/exit_status.ts";
import type { EarlyRequests, EarlyRequestsOptions } from "../live/early_requests.ts";
import type { Session } from "../session/session.ts";

/** The action of a valid command line, still to be run. Returns the exit status. */
export type Verb = () => Promise<number>;

/** Called once, with the chosen action. */
export type Choose = (verb: Verb) => void;

/** Describes one verb of the command line. */
export type AddVerb = (program: Command, choose: Choose, session: Session) => void;

/** Runs a verb. Incus is asked for its networks before the verb's own code is loaded. */
export async function withNetworks<Status extends number>(
  session: Session,
  options: EarlyRequestsOptions,
  verb: (start: EarlyRequests<readonly Network[]>) => Promise<Status>,
): Promise<Status> {
  const { askNetworks, EarlyRequests } = await import("../live/early_requests.ts");
  await using start = await EarlyRequests.begin(askNetworks, session.signal, options);
  return await verb(start);
}

interface SnapshotVerbOptions extends EarlyRequestsOptions {
  readonly snapshots: SnapshotDetail;
  /** The output is lines of JSON; the verb gets a session for that. */
  readonly json?: true | undefined;
}

/** The same for the snapshot verbs: Incus is asked for what can have snapshots. */
export async function withSnapshots(
  session: Session,
  { snapshots, json, ...options }: SnapshotVerbOptions,
  verb: (start: EarlyRequests<Everything>, session: Session) => Promise<ExitStatus>,
): Promise<number> {
  const { askSnapshots, EarlyRequests } = await import("../live/early_requests.ts");
  const { withJsonLines } = await import("../session/json_session.ts");
  await using start = await EarlyRequests.begin(askSnapshots(snapshots), session.signal, options);
  return await withJsonLines(json, session, (shown) => verb(start, shown));
}

export const JSON_FLAG = "--json";

export const EVENTS_TEXT = "print events as JSON, one per line (docs/json.md); never prompt";

export const JSON_TEXT = "print JSON in the stable format of docs/json.md";

/** Returns the option `--domain`, which is the same for every verb. */
export function domainOption(): Option<"-d, --domain <name>", undefined, string[], string[]> {
  return new Option("-d, --domain <name>", "only this domain (or all its copies); repeatable")
    .argParser(collectName).default([] as string[], "all");
}

function collectName(value: string, previous: string[]): string[] {
  if (!/^[a-z0-9][a-z0-9-]*$/.test(value)) {
    throw new InvalidArgumentError("A domain's name consists of a-z, 0-9 and -.");
  }
  return previous.includes(value) ? previous : [...previous, value];
}

const HELP_WIDTH = 80;

/**
 * Returns the end of a help text. Comments are in one column if all lines fit, otherwise each is
 * above its command.
 */
export function examples(
  ...lines: readonly (readonly [command: string, comment: string])[]
): string {
  const width = Math.max(...lines.map(([command, comment]) => comment === "" ? 0 : command.length));
  const rows = lines.map(([command, comment]) =>
    comment === "" ? `  ${command}` : `  ${command.padEnd(width)}  # ${comment}`
  );
  const shown = rows.every((row) => row.length <= HELP_WIDTH)
    ? rows
    : lines.map(([command, comment]) =>
      comment === "" ? `  ${command}` : `  # ${comment}\n  ${command}`
    );
  return `\nExamples:\n${shown.join("\n")}\n`;
}

/**
 * Returns the option with which a script confirms that the infra on the host is this one; `--yes`
 * does not confirm it.
 */
export function takeOverOption(): Option<
  "--take-over <uuid>",
  undefined,
  undefined,
  undefined,
  false
> {
  return new Option(
    "--take-over <uuid>",
    "infra.lock.yml is lost: this workspace is the infra with this UUID",
  );
}

import { envVar, workingDirectory } from "../host/terminal.ts";
import { optional } from "../diag/optional.ts";
import { UserError } from "../session/user_error.ts";

/*
 * anklume may read and write the directory that it is started in, and no other: its runtime holds it
 * to that. For a workspace elsewhere it therefore starts itself again, in that directory.
 */

/** A command line, without the words about the directory. */
export interface DirectedLine {
  /** The verb and its arguments. */
  readonly args: readonly string[];
  /** From `-C`; undefined: not given. */
  readonly directory?: string;
  /**
   * anklume started itself again. The first run stood in this directory of the workspace; empty: in
   * the workspace itself, or outside of it.
   */
  readonly below?: string;
}

/** The option by which the first run tells the second one where it stood. */
const BELOW = "--started-below";

/** Takes `-C DIRECTORY` off the front, as often as it is given, as `git` and `make` do. */
export function readDirectory(args: readonly string[]): DirectedLine {
  // A TAB passes the user's words on, and they may begin with the same option.
  if (args[0] === "complete" && args[1] === "--" && args.length > 4) {
    const { args: words, ...found } = readDirectory(args.slice(2));
    return { ...found, args: ["complete", "--", ...words] };
  }
  let directory: string | undefined;
  let below: string | undefined;
  let at = 0;
  for (; at < args.length; at += 2) {
    const [option, value] = [args[at]!, args[at + 1]];
    if (option === BELOW) below = value;
    else if (option !== "-C") break;
    else if (value === undefined || value === "") {
      throw new UserError("-C needs a directory", "For example: anklume -C ~/lab status");
    } else directory = directory === undefined ? value : joined(directory, value);
  }
  return { args: args.slice(at), ...optional({ directory, below }) };
}

function joined(directory: string, next: string): string {
  return next.startsWith("/") ? next : `${directory.replace(/\/+$/, "")}/${next}`;
}

/** Verbs that need no workspace: for these, no directory above is searched. */
const WITHOUT_WORKSPACE: ReadonlySet<string> = new Set(["init", "schema", "completions", "help"]);

/** A workspace in another directory. */
interface Elsewhere {
  readonly directory: string;
  /** The current directory, below it; empty: it is not below it. */
  readonly below: string;
}

/**
 * Returns the workspace that a command line is for, if it is not the current directory: that of
 * `-C`, else that of `ANKLUME_WORKSPACE`, else the nearest one above, if there is none here.
 */
export async function findWorkspace(
  { args, directory, below }: DirectedLine,
  isHere: () => boolean,
): Promise<Elsewhere | undefined> {
  if (below !== undefined) return undefined;
  const named = directory ?? (envVar("ANKLUME_WORKSPACE") || undefined);
  if (named !== undefined) return { directory: named, below: "" };
  const [verb] = args;
  if (verb === undefined || verb.startsWith("-") || WITHOUT_WORKSPACE.has(verb)) return undefined;
  return isHere() ? undefined : await findAbove(workingDirectory());
}

/** The files by which a directory is known as a workspace. */
export const WORKSPACE_FILES = ["infra.yml", "infra/base.yml"];

/**
 * Returns the nearest workspace above. Only one that belongs to root, or to the owner of the current
 * directory: another user of the host may have put an infra.yml into `/tmp`, and whoever works as
 * root below it must not apply it.
 */
async function findAbove(current: string): Promise<Elsewhere | undefined> {
  const names = current.split("/").filter((name) => name !== "");
  const ups = names.map((_, index) => "../".repeat(index + 1));
  const paths = ups.flatMap((up) => [up, ...WORKSPACE_FILES.map((file) => up + file)]);
  if (paths.length === 0) return undefined;
  const { runCommand } = await import("../host/command.ts");
  // The binary may not look at them itself. Without options, `unshare` just runs the program; a
  // path that does not exist gives status 1.
  const { stdout } = await runCommand(
    ["unshare", "stat", "--format", "%u %f %n", "--", ".", ...paths],
    { okCodes: [0, 1] },
  );
  const seen = new Map(
    stdout.trimEnd().split("\n").map((line) => {
      const [uid = "", mode = "", ...path] = line.split(" ");
      return [path.join(" "), { uid, isFile: (parseInt(mode, 16) & S_IFMT) === S_IFREG }] as const;
    }),
  );
  const trusted = new Set(["0", seen.get(".")?.uid]);
  for (const [index, up] of ups.entries()) {
    const file = WORKSPACE_FILES.find((file) => seen.get(up + file)?.isFile);
    if (file === undefined) continue;
    const directory = `/${names.slice(0, -index - 1).join("/")}`;
    if (!trusted.has(seen.get(up)?.uid) || !trusted.has(seen.get(up + file)?.uid)) {
      throw new UserError(
        `${directory} is a workspace above this directory, and it belongs to another user`,
        `If you trust it: anklume -C ${directory} …`,
      );
    }
    return { directory, below: names.slice(-index - 1).join("/") };
  }
  return undefined;
}

/** The file type in a mode, and that of a plain file (inode(7)). */
const S_IFMT = 0o170000;
const S_IFREG = 0o100000;

/** Starts anklume again in the workspace, and returns its exit status. */
export async function runElsewhere(
  { directory, below }: Elsewhere,
  args: readonly string[],
): Promise<number> {
  const { runAgain } = await import("../host/run_again.ts");
  const status = await runAgain(directory, [BELOW, below, ...args]);
  if (typeof status === "number") return status;
  throw new UserError(
    status === "missing"
      ? `There is no directory ${directory}`
      : `This user may not enter the directory ${directory}`,
  );
}

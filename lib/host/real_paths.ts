import pLimit from "p-limit";
import { sleep } from "./clock.ts";
import { CommandError, runCommand } from "./command.ts";

/** A path that leads nowhere or could not be followed. The message gives the reason. */
export class UnknownPath extends Error {
  override readonly name = "UnknownPath";
}

/** Milliseconds for one call: a directory on a server that is gone never answers. */
const PATIENCE_MS = 3_000;
/** Paths per call, and calls at the same time. */
const AT_ONCE = 200;
const CALLS = 8;
/** Linux accepts no longer path (`PATH_MAX`). */
const LONGEST = 4096;

/**
 * Returns the real path of each given path of the host, with all symbolic links followed. The
 * binary has no permission to look at the host's files itself, so it runs `realpath`: one process
 * for all paths, or one per path if some cannot be followed.
 */
export async function realPaths(
  paths: Iterable<string>,
  signal: AbortSignal,
): Promise<Map<string, string | UnknownPath>> {
  const found = new Map<string, string | UnknownPath>();
  const wanted: string[] = [];
  for (const path of new Set(paths)) {
    if (path.length < LONGEST && !path.includes("\0")) wanted.push(path);
    else found.set(path, new UnknownPath("this is not a valid path"));
  }
  const limit = pLimit(CALLS);
  for (let at = 0; at < wanted.length; at += AT_ONCE) {
    const some = wanted.slice(at, at + AT_ONCE);
    const together = await follow(some, signal);
    const answers = Array.isArray(together)
      ? together
      : await Promise.all(some.map((path) =>
        some.length === 1 || together === LATE ? together : limit(async () => {
          const alone = await follow([path], signal);
          return Array.isArray(alone) ? alone[0]! : alone;
        })
      ));
    for (const [index, path] of some.entries()) found.set(path, answers[index]!);
  }
  return found;
}

const LATE = new UnknownPath("the host did not answer in time");

async function follow(
  paths: readonly string[],
  signal: AbortSignal,
): Promise<string[] | UnknownPath> {
  const end = new AbortController();
  try {
    const answer = await Promise.race([
      runCommand(["realpath", "-z", "-e", "--", ...paths], { env: { LC_ALL: "C" }, signal }),
      // A process that hangs in the kernel cannot be ended, so anklume stops waiting for it.
      sleep(PATIENCE_MS, end.signal).then(() => undefined, () => undefined),
    ]);
    if (answer === undefined) return LATE;
    const real = answer.stdout.split("\0").slice(0, -1);
    return real.length === paths.length ? real : new UnknownPath("realpath gave no clear answer");
  } catch (error) {
    if (!(error instanceof CommandError) || error.reason === "interrupted") throw error;
    // `realpath: /srv/x: No such file or directory`
    const words = error.stderr.trim().split(": ").at(-1);
    return new UnknownPath(words || error.message, { cause: error });
  } finally {
    end.abort();
  }
}

import { CommandError, PATIENCE_MS, runCommand } from "./command.ts";
import { FileError, type FileFailure, type FileVerb } from "./file_error.ts";
import { type InspectedPath, isContested, isOthers } from "./workspace_path.ts";
import { optional } from "../diag/optional.ts";

/**
 * Changes files for root in a workspace that belongs to another user. That user can replace a
 * directory or a file by a link between two of root's calls, so that a path leads elsewhere, and
 * Deno has neither `openat` nor `lchown`. Therefore a shell makes the change with the owner's
 * rights: it can do nothing that the owner could not do. If the directories belong to root and a
 * group may write in them, the shell enters them one by one and compares each with the path that
 * the kernel reports before it creates anything there.
 */
export class OwnerHands {
  readonly #verb: FileVerb;
  readonly #path: string;
  readonly #root: string;
  /** The last directory above the changed file that exists. */
  readonly #within: Deno.FileInfo;
  /** The root directory. New files get its owner. */
  readonly #owner: Deno.FileInfo;

  /**
   * Returns undefined if only root, or only the user who runs anklume, can change the path. A plain
   * call is safe then.
   */
  static async for(
    verb: FileVerb,
    path: string,
    root: string,
    inspected: InspectedPath,
  ): Promise<OwnerHands | undefined> {
    if (!isContested(inspected) || !await areWeRoot()) return undefined;
    return new OwnerHands(verb, path, root, inspected);
  }

  private constructor(
    verb: FileVerb,
    path: string,
    root: string,
    { above }: InspectedPath,
  ) {
    this.#verb = verb;
    this.#path = path;
    this.#root = root;
    this.#owner = above[0]!;
    this.#within = above.at(-1)!;
  }

  /**
   * Writes content to a temporary file beside the target, then renames it. `mode`: the permission
   * bits; for a new file the umask is subtracted. `keeper`: the owner of the file when root's
   * rights are used; default: the owner of the root.
   * @throws the error of the content; no file is left then
   */
  async write(
    mode: number,
    isNew: boolean,
    content: string | AsyncIterable<Uint8Array>,
    { suffix, keeper = this.#owner }: {
      readonly suffix: string;
      readonly keeper?: Pick<Deno.FileInfo, "uid" | "gid">;
    },
  ): Promise<void> {
    const aside = `.${crypto.randomUUID()}.${suffix}`;
    const bits = [mode.toString(8), isNew ? "new" : ""];
    let length = 0;
    let failure: { readonly reason: unknown } | undefined;
    const pieces = async function* () {
      try {
        for await (
          const piece of typeof content === "string" ? [new TextEncoder().encode(content)] : content
        ) {
          length += piece.length;
          yield piece;
        }
      } catch (reason) {
        failure = { reason };
      }
    };
    try {
      await this.#run(["stage", aside, ...bits], pieces());
      if (failure !== undefined) throw failure.reason;
      await this.#run([
        "commit",
        aside,
        ...bits,
        String(length),
        `${keeper.uid ?? 0}:${keeper.gid ?? 0}`,
      ]);
    } catch (error) {
      await this.#run(["discard", aside]).catch(() => {});
      throw error;
    }
  }

  /** Creates the directories above the path. */
  async makeDirectory(): Promise<void> {
    await this.#run(["directory"]);
  }

  /** Creates an empty file if there is none yet. */
  async touch(mode: number): Promise<void> {
    await this.#run(["touch", (0o777 & ~mode).toString(8)]);
  }

  /** Sets the permission bits of a file that belongs to the owner. */
  async chmod(mode: number): Promise<void> {
    await this.#run(["chmod", mode.toString(8)]);
  }

  async remove(recursive: boolean): Promise<void> {
    await this.#run(["remove", recursive ? "-rf" : "-f"]);
  }

  async #run(words: readonly string[], stdin?: AsyncIterable<string | Uint8Array>): Promise<void> {
    const names = this.#path.split("/");
    const name = names.at(-1)!;
    const above = names.slice(0, -1).join("/");
    const [operation, ...more] = words;
    const { uid, gid } = this.#within;
    // `rm` follows no links on its way down, and some entries of a workspace belong to root alone.
    const asRoot = uid === 0 || operation === "remove";
    // Without options for a namespace, unshare just runs the program.
    const drop = asRoot ? [] : [`--setgid=${gid}`, `--setuid=${uid}`];
    const rights = !asRoot ? "owner" : isOthers(this.#within) ? "shared" : "alone";
    const argv = ["sh", "-c", SCRIPT, "sh", rights, operation!, above, name];
    try {
      await runCommand(["unshare", ...drop, ...argv, ...more], {
        cwd: this.#root,
        timeoutMs: TIMEOUT_MS,
        ...optional({ stdin }),
      });
    } catch (error) {
      throw this.#explain(error);
    }
  }

  #explain(error: unknown): unknown {
    if (!(error instanceof CommandError)) return error;
    const reason = error.code === MOVED
      ? "exchanged"
      : error.code === UNREADABLE
      ? "owner"
      : WORDS.find(([words]) => words.test(error.stderr))?.[1];
    const cause = reason === undefined ? new Error(error.stderr.trim() || error.message) : error;
    return new FileError(this.#verb, this.#path, reason ?? "other", cause);
  }
}

/** Copying gigabytes into the workspace can take long. */
const TIMEOUT_MS = 6 * 3600_000;
const MOVED = 40;
const UNREADABLE = 41;

/** Error messages of coreutils and the shell in the C locale. */
const WORDS: readonly (readonly [RegExp, FileFailure])[] = [
  [/No space left|quota exceeded/i, "no-space"],
  [/Read-only file system/, "read-only"],
  [/Permission denied|Operation not permitted/, "denied"],
  [/Not a directory/, "not-a-directory"],
  [/Is a directory/, "not-a-file"],
];

/**
 * $1 is the kind of rights. `owner`: the shell has the rights of the directory's owner. `alone`:
 * the directory is root's, and only root can write there. `shared`: it is root's, and others can
 * write there, so no attribute is set by a path. $2 is the operation, $3 the directory below the
 * current one, $4 the file in it. A name cannot be read as an option, because each one follows
 * `./`.
 */
const SCRIPT = `set -eu
umask o-w
rights=$1 operation=$2 above=$3 name=$4
shift 4

# What the kernel calls the directory that we are in tells whether the name led where it says.
expected=$(pwd -P)
[ "$expected" != / ] || expected=
set -f
IFS=/
for each in $above; do
  [ "$operation" = remove ] || [ "$operation" = discard ] || mkdir -p -- "./$each"
  cd -P -- "./$each"
  expected=$expected/$each
  [ "$(pwd -P)" = "$expected" ] || exit ${MOVED}
done
unset IFS

case $operation in
  stage)
    mask=77
    [ "$rights" != shared ] || mask=$(printf %o $((0777 & ~0$2 | 0\${3:+$(umask)})))
    umask "$mask"
    set -C
    cat >"./$1"
    ;;
  commit)
    [ ! -e "./$name" ] || [ -r "./$name" ] || exit ${UNREADABLE}
    [ "$(wc -c <"./$1")" -eq "$4" ]
    mode=$2
    [ -z "$3" ] || mode=$(printf %o $((0$mode & ~0$(umask))))
    [ "$rights" != alone ] || chown -h -- "$5" "./$1"
    [ "$rights" = shared ] || chmod -- "$mode" "./$1"
    sync -- "./$1"
    mv -fT -- "./$1" "./$name"
    sync -- .
    ;;
  discard) rm -f -- "./$1" ;;
  touch)
    umask "$1"
    [ -e "./$name" ] || (set -C && : >"./$name")
    ;;
  chmod) chmod -- "$1" "./$name" ;;
  remove) rm "$1" -- "./$name" ;;
  directory) ;;
esac
`;

let weAreRoot: Promise<boolean> | undefined;

/** Deno needs a separate permission to tell the user id. */
function areWeRoot(): Promise<boolean> {
  return weAreRoot ??= runCommand(["unshare", "id", "-u"], { timeoutMs: PATIENCE_MS })
    // If this cannot be found out, assume root: then no path that may lead elsewhere is used
    // directly.
    .then(({ stdout }) => stdout.trim() === "0", () => true);
}

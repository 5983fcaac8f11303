import { envVar } from "./terminal.ts";

/**
 * Every environment variable anklume reads. The binary is compiled with `--allow-env=<these> --ignore-env`: any other is
 * undefined, whatever a library asks for.
 */
export const ENV_NAMES = [
  // Where programs are found (`ansible-playbook` in a virtual environment), and what they are handed on.
  "PATH",
  "HOME",
  "USER",
  "LOGNAME",
  "TERM",
  "TZ",
  "TMPDIR",
  // A person's wishes for what is drawn.
  "NO_COLOR",
  "FORCE_COLOR",
  "COLORTERM",
  "COLUMNS",
  // Ansible's own, handed on to it.
  "ANSIBLE_VAULT_PASSWORD_FILE",
  // Prints a trace with a fault.
  "ANKLUME_DEBUG",
  "ANKLUME_INCUS_TIMEOUT",
] as const;

/** Where a distribution keeps its programs; a plain user's PATH lacks the sbin directories, where nft is. */
const DEFAULT_PATH = [
  "/usr/local/sbin",
  "/usr/local/bin",
  "/usr/sbin",
  "/usr/bin",
  "/sbin",
  "/bin",
] as const;

/** What a child is handed on unchanged, where it is set. */
const INHERITED = ["HOME", "USER", "LOGNAME", "TERM", "TZ", "TMPDIR"] as const;

/**
 * The whole environment of a child process: a few variables of ours, a locale that exists everywhere (Ansible dies of one
 * that was never generated), and `extra`. Nothing else is inherited, `LD_PRELOAD` least of all: Deno refuses to spawn
 * with it under a partial grant.
 */
export function childEnvironment(
  extra: Readonly<Record<string, string>> = {},
  env: (name: string) => string | undefined = envVar,
): Record<string, string> {
  const result: Record<string, string> = { PATH: searchPath(env("PATH")), LANG: "C.UTF-8" };
  for (const name of INHERITED) {
    const value = env(name);
    if (value !== undefined) result[name] = value;
  }
  return { ...result, LC_ALL: "C.UTF-8", ...extra };
}

/**
 * The user's PATH, then the directories it lacks. Entries that are not absolute are dropped: the current directory is a
 * workspace, whose files are data and never programs.
 */
export function searchPath(userPath: string | undefined): string {
  const user = (userPath ?? "").split(":").filter((entry) => entry.startsWith("/"));
  return [...new Set([...user, ...DEFAULT_PATH])].join(":");
}

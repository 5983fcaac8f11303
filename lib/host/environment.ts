import { envVar, workingDirectory } from "./terminal.ts";

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
const INHERITED = ["USER", "LOGNAME", "TERM", "TZ"] as const;
/** Directories: one that is not absolute would be the workspace's. */
const DIRECTORIES = ["HOME", "TMPDIR"] as const;

/**
 * The whole environment of a child process: a few variables of ours, a locale that exists everywhere (Ansible dies of one
 * that was never generated), and `extra`. Nothing else is inherited, `LD_PRELOAD` least of all: Deno refuses to spawn
 * with it under a partial grant.
 */
export function childEnvironment(
  extra: Readonly<Record<string, string>> = {},
  env: (name: string) => string | undefined = envVar,
): Record<string, string> {
  const result: Record<string, string> = {
    PATH: searchPath(env("PATH"), workingDirectory()),
    LANG: "C.UTF-8",
  };
  for (const name of INHERITED) {
    const value = env(name);
    if (value !== undefined) result[name] = value;
  }
  for (const name of DIRECTORIES) {
    const value = env(name);
    if (value?.startsWith("/")) result[name] = value;
  }
  return { ...result, LC_ALL: "C.UTF-8", ...extra };
}

/**
 * The user's PATH, then the directories it lacks. Entries that are not absolute, or lie in the workspace, are dropped: its files are data
 * and never programs. Without `workspace` only the first are: for Ansible, which `apply` runs on the workspace's plays anyway, and
 * which may live in a virtual environment beside them.
 */
export function searchPath(userPath: string | undefined, workspace?: string): string {
  const user = (userPath ?? "").split(":").filter((entry) =>
    entry.startsWith("/") && (workspace === undefined || !isBelow(entry, workspace))
  );
  return [...new Set([...user, ...DEFAULT_PATH])].join(":");
}

/** Whether an absolute path is a directory or leads below it. */
function isBelow(path: string, directory: string): boolean {
  return `${plainPath(path)}/`.startsWith(`${plainPath(directory)}/`);
}

function plainPath(path: string): string {
  const names: string[] = [];
  for (const name of path.split("/")) {
    if (name === "..") names.pop();
    else if (name !== "" && name !== ".") names.push(name);
  }
  return `/${names.join("/")}`;
}

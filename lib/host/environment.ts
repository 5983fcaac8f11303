import { envVar, workingDirectory } from "./terminal.ts";

/**
 * Every environment variable that anklume reads. The binary is compiled with
 * `--allow-env=<these> --ignore-env`: any other variable is undefined, even if a library asks for
 * it.
 */
export const ENV_NAMES = [
  // Used to find programs (`ansible-playbook` in a virtual environment) and passed on to them.
  "PATH",
  "HOME",
  "USER",
  "LOGNAME",
  "TERM",
  "TZ",
  "TMPDIR",
  // The user's preferences for colours and layout.
  "NO_COLOR",
  "FORCE_COLOR",
  "COLORTERM",
  "COLUMNS",
  // Read by Ansible; anklume passes it on.
  "ANSIBLE_VAULT_PASSWORD_FILE",
  // Prints a stack trace with an error.
  "ANKLUME_DEBUG",
  "ANKLUME_INCUS_TIMEOUT",
  // The workspace, if it is not the current directory.
  "ANKLUME_WORKSPACE",
] as const;

/**
 * The directories in which a distribution keeps its programs. The PATH of a plain user does not
 * contain the sbin directories, where nft is.
 */
const DEFAULT_PATH = [
  "/usr/local/sbin",
  "/usr/local/bin",
  "/usr/sbin",
  "/usr/bin",
  "/sbin",
  "/bin",
] as const;

/** Variables that are passed on to a child unchanged, if they are set. */
const INHERITED = ["USER", "LOGNAME", "TERM", "TZ"] as const;
/**
 * Variables that name a directory. A relative path would point into the workspace, so it is
 * dropped.
 */
const DIRECTORIES = ["HOME", "TMPDIR"] as const;

/**
 * Returns the whole environment of a child process: a few of anklume's own variables, a locale that
 * exists everywhere (Ansible fails with a locale that was never generated), and `extra`. Nothing
 * else is inherited, above all not `LD_PRELOAD`: Deno refuses to spawn with it under a partial
 * grant.
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
 * Returns the user's PATH, followed by the default directories that it lacks. Relative entries and
 * entries inside the workspace are dropped: the workspace's files are data and are never run as
 * programs. Without `workspace`, only relative entries are dropped. That is for Ansible: `apply`
 * runs it on the workspace's plays anyway, and it may be in a virtual environment beside them.
 */
export function searchPath(userPath: string | undefined, workspace?: string): string {
  const user = (userPath ?? "").split(":").filter((entry) =>
    entry.startsWith("/") && (workspace === undefined || !isBelow(entry, workspace))
  );
  return [...new Set([...user, ...DEFAULT_PATH])].join(":");
}

/** True if an absolute path is the directory or is below it. */
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

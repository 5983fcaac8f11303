import type { Diagnostic } from "../diag/diagnostic.ts";
import { CommandError, type CommandOptions, runCommand } from "../host/command.ts";
import { fileKind } from "../host/workspace_file.ts";
import { ansibleEnvironment } from "./ansible_environment.ts";
import type { RunProgram } from "./run_playbook.ts";
import { ansibleVersion, isOlder, OLDEST_ANSIBLE } from "./ansible_version.ts";

type FoundAnsible =
  /** `2.19.14` */
  | { readonly kind: "found"; readonly version: string }
  | {
    readonly kind: "unfit";
    readonly diagnostics: readonly Diagnostic[];
    /** Set if only the connection plugin is missing. */
    readonly version?: string;
  };

/**
 * Checks if this host can provision: a supported version of ansible-playbook, and the connection
 * plugin. Takes about half a second, so it is called only before provisioning.
 *
 * @param connection `global.default_connection` of infra.yml
 * @param run default: on this host
 */
export async function findAnsible(
  connection: string,
  cwd = ".",
  run: RunProgram = runCommand,
): Promise<FoundAnsible> {
  return await ask(connection, { cwd, env: ansibleEnvironment(), timeoutMs: TIMEOUT_MS }, run);
}

/**
 * The same without running programs of the workspace, for verbs that only read: its `ansible.cfg`,
 * plugins and collections can run code. Ansible is called in `/`, with the user's own
 * configuration. A collection in the workspace is only checked for existence.
 */
export async function lookForAnsible(connection: string): Promise<FoundAnsible> {
  const found = await ask(connection, { cwd: "/", timeoutMs: TIMEOUT_MS }, runCommand);
  const unknown = found.kind === "unfit" && found.version !== undefined;
  return unknown && isInWorkspace(connection) ? { kind: "found", version: found.version } : found;
}

const TIMEOUT_MS = 60_000;

async function ask(
  connection: string,
  options: CommandOptions,
  run: RunProgram,
): Promise<FoundAnsible> {
  const [playbook, plugin] = await Promise.all([
    answer(["ansible-playbook", "--version"], options, run),
    answer(["ansible-doc", "--type", "connection", "--json", connection], options, run),
  ]);
  if (playbook instanceof CommandError) return unfit(noAnsible(playbook));
  const version = ansibleVersion(playbook.stdout);
  if (version === undefined || isOlder(version)) return unfit(oldAnsible(version));
  // ansible-doc exits with 0 and prints an empty object for an unknown plugin.
  const known = !(plugin instanceof CommandError) && plugin.stdout.includes(`"${connection}"`);
  return known ? { kind: "found", version } : { ...unfit(noConnection(connection)), version };
}

/**
 * True if `roles install` put a collection such as `community.general.incus` into the workspace.
 */
function isInWorkspace(connection: string): boolean {
  const [namespace, collection, ...plugin] = connection.split(".");
  const name = plugin.join("/");
  if (!/^\w+$/.test(`${namespace}${collection}`) || !/^\w+(\/\w+)*$/.test(name)) return false;
  const root = `collections/ansible_collections/${namespace}/${collection}`;
  return fileKind(`${root}/plugins/connection/${name}.py`) === "file";
}

async function answer(
  argv: readonly [string, ...string[]],
  options: CommandOptions,
  run: RunProgram,
) {
  try {
    return await run(argv, options);
  } catch (error) {
    if (error instanceof CommandError) return error;
    throw error;
  }
}

const INSTALL = "Install it with `apt install ansible` (Debian 13 and newer) or " +
  "`pipx install --include-deps ansible`";
const WITHOUT = "`anklume apply --infra` works without Ansible";

function noAnsible(error: CommandError): Diagnostic {
  const failed = error.reason === "failed" || error.reason === "killed";
  return {
    severity: "error",
    code: "ANSIBLE_MISSING",
    summary: `Machines cannot be provisioned: ${error.message}`,
    detail: (failed && error.stderr.trim().split("\n").slice(-3).join("\n")) || WITHOUT,
    remedy: failed ? "Run `ansible-playbook --version` in this directory to see why" : INSTALL,
  };
}

function oldAnsible(version: string | undefined): Diagnostic {
  const oldest = OLDEST_ANSIBLE.join(".");
  return {
    severity: "error",
    code: "ANSIBLE_OLD",
    summary: version === undefined
      ? "Machines cannot be provisioned: `ansible-playbook --version` names no version"
      : `Machines cannot be provisioned: Ansible ${version} is older than ${oldest}`,
    detail: WITHOUT,
    remedy: `${INSTALL}, and put it first on the PATH`,
  };
}

function noConnection(connection: string): Diagnostic {
  return {
    severity: "error",
    code: "ANSIBLE_CONNECTION_MISSING",
    summary: `Machines cannot be provisioned: Ansible has no connection plugin \`${connection}\``,
    detail: WITHOUT,
    remedy: connection.startsWith("community.general.")
      ? "Install the collection: `ansible-galaxy collection install community.general`; without " +
        "a network, unpack it (8.2.0 or newer) below collections/ansible_collections/ of the " +
        "workspace"
      : "Install the collection that has it, or correct `global.default_connection` in infra.yml",
  };
}

function unfit(diagnostic: Diagnostic) {
  return { kind: "unfit", diagnostics: [diagnostic] } as const;
}

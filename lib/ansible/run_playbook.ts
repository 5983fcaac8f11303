import { CommandError, type OutputStream, runCommand } from "../host/command.ts";
import { readTextFileIfAny } from "../host/workspace_file.ts";
import { removeFile } from "../host/change_files.ts";
import { makeDirectory } from "../host/write_file.ts";
import { CONNECTION_PLUGINS } from "./ansible_cfg.ts";
import { ansibleEnvironment } from "./ansible_environment.ts";
import { parseResults, type PlaybookResults } from "./playbook_results.ts";
import { optional } from "../diag/optional.ts";

/** The callback plugin's file with the results of each machine; only its owner may read it. */
const RESULTS = ".anklume/results.jsonl";
const PLUGINS = "./.anklume/plugins/callback";
/** Ansible's default search path for callbacks. */
const USUAL_PLUGINS = "~/.ansible/plugins/callback:/usr/share/ansible/plugins/callback";

/** Runs a program on this host, or where Ansible is installed. */
export type RunProgram = typeof runCommand;

export interface PlaybookOptions {
  /** Machines; at least one. */
  readonly limit: readonly string[];
  readonly tags?: readonly string[];
  readonly skipTags?: readonly string[];
  /** Number of `-v`. */
  readonly verbosity?: number;
  readonly vaultPasswordFile?: string;
  /** Gets pieces of output, which may contain anything that a machine printed. */
  readonly output: (text: string, stream: OutputStream) => void;
  /** Ansible prints colours. */
  readonly colors?: boolean;
  /** It may read from our keyboard, for the user's `vars_prompt`. */
  readonly keyboard?: boolean;
  /** When aborted, Ansible is interrupted as by Ctrl-C, and awaited. */
  readonly signal?: AbortSignal;
  /** The workspace; default the current directory. */
  readonly root?: string;
  /** Default: on this host. */
  readonly run?: RunProgram | undefined;
}

export interface PlaybookRun extends PlaybookResults {
  readonly interrupted: boolean;
  /** Ansible's exit status; 0 is success. */
  readonly code: number;
  /** Ansible's own message if it stopped before any machine was tried; else empty. */
  readonly stderr: string;
}

/**
 * Runs `site.yml` once, limited to some machines.
 *
 * @throws CommandError when ansible-playbook could not be run at all
 */
export async function runPlaybook(options: PlaybookOptions): Promise<PlaybookRun> {
  const root = options.root ?? ".";
  await makeDirectory(RESULTS, root);
  await removeFile(RESULTS, { root });
  const cfg = readTextFileIfAny("ansible.cfg", { root }) ?? "";
  const ended = await run(options, root, cfg);
  const results = parseResults(readTextFileIfAny(RESULTS, { root }) ?? "");
  // A task's output may be private, and the file is not read again.
  await removeFile(RESULTS, { root });
  return { ...results, ...ended };
}

async function run(options: PlaybookOptions, root: string, cfg: string) {
  try {
    await (options.run ?? runCommand)(playbookArgv(options, cfg), {
      cwd: root,
      env: {
        ...ansibleEnvironment(),
        ...(options.colors ? { ANSIBLE_FORCE_COLOR: "1" } : {}),
        // Otherwise Python keeps its output, also a question, until it has 8 KiB.
        PYTHONUNBUFFERED: "1",
        ANKLUME_RESULTS: RESULTS,
        // Overrides the workspace's ansible.cfg.
        ANSIBLE_INJECT_FACT_VARS: "False",
        ANSIBLE_CONNECTION_PLUGINS: CONNECTION_PLUGINS,
        ANSIBLE_CALLBACK_PLUGINS: `${PLUGINS}:${
          optionOf(cfg, "callback_plugins") ?? USUAL_PLUGINS
        }`,
      },
      output: options.output,
      ...(options.keyboard ? { inheritStdin: true } : {}),
      ...optional({ signal: options.signal }),
      stopSignal: "SIGINT",
      // On a terminal Ctrl-C has reached Ansible already, and a second one makes it stop at once.
      stopAfterMs: 5_000,
    });
    return { interrupted: false, code: 0, stderr: "" };
  } catch (error) {
    if (!(error instanceof CommandError) || error.code === undefined) throw error;
    const interrupted = error.reason === "interrupted" || error.code === INTERRUPTED;
    return { interrupted, code: error.code, stderr: error.stderr };
  }
}

/** The exit status of ansible-playbook after Ctrl-C. */
const INTERRUPTED = 99;

/** Returns the command line; a user's `forks` in ansible.cfg is kept. */
export function playbookArgv(options: PlaybookOptions, cfg: string): [string, ...string[]] {
  const { limit, tags = [], skipTags = [], verbosity = 0, vaultPasswordFile } = options;
  const forks = Math.min(limit.length, Math.max(5, 2 * navigator.hardwareConcurrency));
  return [
    "ansible-playbook",
    "site.yml",
    "--limit",
    limit.join(","),
    ...(optionOf(cfg, "forks") === undefined ? ["--forks", String(forks)] : []),
    ...(tags.length > 0 ? ["--tags", tags.join(",")] : []),
    ...(skipTags.length > 0 ? ["--skip-tags", skipTags.join(",")] : []),
    ...(verbosity > 0 ? [`-${"v".repeat(verbosity)}`] : []),
    ...(vaultPasswordFile === undefined ? [] : ["--vault-password-file", vaultPasswordFile]),
  ];
}

function optionOf(cfg: string, name: string): string | undefined {
  return new RegExp(`^${name}\\s*[=:]\\s*(\\S.*)$`, "m").exec(cfg)?.[1]?.trim();
}

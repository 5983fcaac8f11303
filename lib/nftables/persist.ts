import { CommandError, PATIENCE_MS, runCommand } from "../host/command.ts";
import { readEmbedded } from "../host/embedded_file.ts";
import { FileError } from "../host/file_error.ts";
import { makeRoot } from "../host/make_root.ts";
import { listDirectory, readTextFileIfAny } from "../host/workspace_file.ts";
import { removeFile } from "../host/change_files.ts";
import { writeFileAtomic } from "../host/write_file.ts";
import { FirewallError } from "./firewall_error.ts";
import { isForeignFile } from "./table_owner.ts";
import { RULES_DIRECTORY as DIRECTORY, type Ruleset } from "./ruleset.ts";
import type { NftOptions } from "./run_nft.ts";

const UNIT = "anklume-firewall.service";
/** The unit's program: it loads the rules, and loads them again if somebody removes them. */
const SCRIPT = "anklume-firewall.sh";

/**
 * Makes the rules come back at boot: writes the ruleset to `/etc/anklume/<project>.nft`, and the
 * unit beside it. `systemctl enable` links the unit into systemd's directories and makes Incus
 * require it. If systemd is installed but not running (a container, the testbed), the links are
 * made all the same. Without systemd, only the files are written.
 */
export async function persistRuleset(ruleset: Ruleset, options: NftOptions = {}): Promise<void> {
  try {
    await makeRoot(DIRECTORY);
    await writeFileAtomic(`${ruleset.project}.nft`, ruleset.text, { root: DIRECTORY, mode: 0o644 });
    await placeIfChanged(SCRIPT);
    const changed = await placeIfChanged(UNIT);
    const enabled = await unitState(options);
    if (enabled === undefined) return;
    // `enable` also makes systemd read the unit again.
    if (changed || enabled !== "enabled") {
      await systemctl(["enable", `${DIRECTORY}/${UNIT}`], options);
    }
    // The unit has to be active, so that a reload of nftables.service reaches it. Never `restart`:
    // Incus would be restarted too.
    if (await systemdRuns(options)) await systemctl(["start", UNIT], options);
  } catch (error) {
    throw persistError(
      `The firewall of "${ruleset.project}" is loaded, but would not be loaded at boot`,
      error,
    );
  }
}

/** Writes an embedded file of `nft/` to its place; returns true if it was missing, or different. */
async function placeIfChanged(name: string): Promise<boolean> {
  const text = readEmbedded(`nft/${name}`);
  if (readTextFileIfAny(name, { root: DIRECTORY }) === text) return false;
  await writeFileAtomic(name, text, { root: DIRECTORY, mode: 0o644 });
  return true;
}

/**
 * Returns the reasons why the rules would not come back at boot as rendered, one line each; needs
 * no root.
 */
export async function persistedDifferences(
  ruleset: Ruleset,
  options: NftOptions = {},
): Promise<string[]> {
  const name = `${ruleset.project}.nft`;
  const text = readTextFileIfAny(name, { root: DIRECTORY });
  const parts = [UNIT, SCRIPT].flatMap((part) => {
    const found = readTextFileIfAny(part, { root: DIRECTORY });
    if (found === readEmbedded(`nft/${part}`)) return [];
    return [`${DIRECTORY}/${part} is ${found === undefined ? "missing" : "not anklume's"}`];
  });
  const enabled = await unitState(options);
  const differences: string[] = [];
  if (text === undefined) {
    differences.push(`${DIRECTORY}/${name} is missing: no rules after a reboot`);
  } else if (isForeignFile(ruleset)) {
    differences.push(`${DIRECTORY}/${name} holds the rules of another infra`);
  } else if (text !== ruleset.text) {
    differences.push(`${DIRECTORY}/${name} is not as expected`);
  }
  differences.push(...parts);
  if (enabled !== undefined && enabled !== "enabled") {
    differences.push(`${UNIT} is ${enabled}: Incus would start without the rules`);
  }
  return differences;
}

/**
 * Deletes the infra's file, and the unit with the last one. Another infra's file of that name
 * stays.
 */
export async function removePersisted(
  { project, infraId }: Pick<Ruleset, "project" | "infraId">,
  options: NftOptions = {},
): Promise<void> {
  try {
    if (isForeignFile({ project, infraId })) return;
    if (!await removeFile(`${project}.nft`, { root: DIRECTORY })) return;
    const left = listDirectory(".", { root: DIRECTORY });
    if (left.some(({ name }) => name.endsWith(".nft"))) return;
    if (await unitState(options) !== undefined) await systemctl(["disable", UNIT], options);
    if (await systemdRuns(options)) await systemctl(["stop", "--no-block", UNIT], options);
    await removeFile(UNIT, { root: DIRECTORY });
    await removeFile(SCRIPT, { root: DIRECTORY });
  } catch (error) {
    throw persistError(`The boot-time firewall of "${project}" could not be removed`, error);
  }
}

/** Returns `enabled`, `linked`, `not-found`…; undefined without systemd. */
export async function unitState(
  { signal }: NftOptions,
  unit = UNIT,
): Promise<string | undefined> {
  try {
    const { stdout } = await runCommand(["systemctl", "is-enabled", unit], {
      signal,
      timeoutMs: PATIENCE_MS,
      okCodes: [0, 1, 4],
    });
    // Older versions of systemd print nothing for an unknown unit.
    return stdout.trim() || "not-found";
  } catch (error) {
    if (error instanceof CommandError && error.reason === "missing") return undefined;
    throw error;
  }
}

export async function systemdRuns({ signal }: NftOptions): Promise<boolean> {
  const { stdout } = await runCommand(["systemctl", "is-system-running"], {
    signal,
    timeoutMs: PATIENCE_MS,
    okCodes: [0, 1],
  });
  return !["offline", "unknown", ""].includes(stdout.trim());
}

export async function systemctl(args: readonly string[], { signal }: NftOptions): Promise<void> {
  await runCommand(["systemctl", ...args], { signal, timeoutMs: PATIENCE_MS });
}

function persistError(what: string, error: unknown): unknown {
  if (error instanceof CommandError && error.reason === "interrupted") return error;
  if (!(error instanceof CommandError || error instanceof FileError)) return error;
  return new FirewallError(
    "not-persisted",
    `${what}: ${error.message}`,
    "Fix that and apply again; until then the domains are open after a reboot",
    { cause: error },
  );
}

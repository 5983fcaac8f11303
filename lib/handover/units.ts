import { readEmbedded } from "../host/embedded_file.ts";
import { makeRoot } from "../host/make_root.ts";
import { fileKind, readTextFileIfAny } from "../host/workspace_file.ts";
import { removeFile, removeTree } from "../host/change_files.ts";
import { makePrivateDirectory, writeFileAtomic } from "../host/write_file.ts";
import { systemctl, systemdRuns, unitState } from "../nftables/persist.ts";
import { ANSWERS, REQUESTS } from "./message.ts";

const DIRECTORY = "/etc/anklume";

/** The values of the units. */
export interface HandoverSite {
  readonly project: string;
  readonly infraId: string;
  /** Absolute path on the host. */
  readonly workspace: string;
  readonly binary: string;
}

/** The state of the host's side of the hand-over. */
export interface HandoverState {
  /** `different`: for another workspace, program or version. */
  readonly units: "in-place" | "different" | "missing";
  /** systemd's words, `enabled`, `active`; undefined without systemd. */
  readonly enabled: string | undefined;
  readonly active: string | undefined;
  /** The workspace has the directories for requests and answers. */
  readonly mailbox: boolean;
}

function pathUnit({ project }: Pick<HandoverSite, "project">): string {
  return `anklume-handover-${project}.path`;
}

/**
 * Writes both units, enables and starts the path unit, and makes the directories that it watches.
 */
export async function installUnits(site: HandoverSite): Promise<void> {
  await makeRoot(DIRECTORY);
  // Only root may write here: a writer decides about the firewall.
  for (const path of [".anklume/host", REQUESTS, ANSWERS]) await makePrivateDirectory(path);
  for (const [name, text] of renderUnits(site)) {
    await writeFileAtomic(name, text, { root: DIRECTORY, mode: 0o644 });
  }
  if (await unitState({}, pathUnit(site)) === undefined) return;
  const [path, service] = unitNames(site).map((name) => `${DIRECTORY}/${name}`) as [string, string];
  await systemctl(["link", service], {});
  await systemctl(["enable", path], {});
  if (await systemdRuns({})) {
    await systemctl(["daemon-reload"], {});
    await systemctl(["restart", pathUnit(site)], {});
  }
}

export async function removeUnits(site: Pick<HandoverSite, "project">): Promise<boolean> {
  const there = readTextFileIfAny(pathUnit(site), { root: DIRECTORY }) !== undefined;
  if (there && await unitState({}, pathUnit(site)) !== undefined) {
    if (await systemdRuns({})) await systemctl(["stop", pathUnit(site)], {});
    await systemctl(["disable", ...unitNames(site)], {});
  }
  for (const name of unitNames(site)) await removeFile(name, { root: DIRECTORY });
  return await removeTree(".anklume/host") || there;
}

export async function readUnits(site: HandoverSite): Promise<HandoverState> {
  const rendered = renderUnits(site);
  const found = rendered.map(([name]) => readTextFileIfAny(name, { root: DIRECTORY }));
  const enabled = await unitState({}, pathUnit(site));
  const running = enabled !== undefined && await systemdRuns({});
  return {
    units: found.every((text) => text === undefined)
      ? "missing"
      : found.every((text, index) => text === rendered[index]![1])
      ? "in-place"
      : "different",
    enabled,
    active: running ? await activeState(site) : undefined,
    mailbox: fileKind(REQUESTS) === "directory",
  };
}

async function activeState(site: HandoverSite): Promise<string> {
  const { PATIENCE_MS, runCommand } = await import("../host/command.ts");
  const { stdout } = await runCommand(["systemctl", "is-active", pathUnit(site)], {
    okCodes: [0, 1, 2, 3, 4],
    timeoutMs: PATIENCE_MS,
  });
  return stdout.trim();
}

function unitNames({ project }: Pick<HandoverSite, "project">): string[] {
  return ["path", "service"].map((kind) => `anklume-handover-${project}.${kind}`);
}

function renderUnits(site: HandoverSite): [name: string, text: string][] {
  const values: Readonly<Record<string, string>> = {
    PROJECT: site.project,
    INFRA: site.infraId,
    WORKSPACE: unitPath(site.workspace),
    BINARY: unitPath(site.binary),
  };
  return ["path", "service"].map((kind) => {
    const template = readEmbedded(`nft/anklume-handover.${kind}`);
    const text = template.replaceAll(/@@(\w+)@@/g, (_, name: string) => values[name] ?? "");
    return [`anklume-handover-${site.project}.${kind}`, text];
  });
}

/**
 * Returns a path that needs no quoting in a unit.
 * @throws TypeError for any other path
 */
export function unitPath(path: string): string {
  if (!/^\/[A-Za-z0-9/._@:+-]*$/.test(path)) throw new TypeError(path);
  return path;
}

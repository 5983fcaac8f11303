import type { Diagnostic } from "../diag/diagnostic.ts";
import { realPaths, UnknownPath } from "../host/real_paths.ts";
import { type Channel, findChannels } from "../infra/check/channels.ts";
import { hostSourcesOf, isLinked, isPath, type SeenSource } from "../infra/check/host_source.ts";
import { type Infra, machinesOf } from "../infra/infra.ts";
import { ADMIN_DEVICES, ADMIN_ROLE } from "../resource/admin_devices.ts";
import { printable } from "../view/text.ts";

/** What machines see of the host, and where machines of several domains see the same. */
export interface HostSources {
  readonly sources: readonly SeenSource[];
  readonly channels: readonly Channel[];
}

/** What links of the host lead to cannot be seen from a container. */
const INSIDE = "links of the host cannot be seen from the admin container";

/**
 * Where the disks that `infra.yml` lets a machine have of the host lead at this moment: Incus follows links when the machine
 * starts. Where there are none, nothing is started. `inside`: this process runs in an admin container.
 */
export async function seeSources(
  infra: Infra,
  inside: boolean,
  signal: AbortSignal,
): Promise<readonly SeenSource[]> {
  const declared = hostSourcesOf(infra);
  const paths = declared.map(({ source }) => source).filter(isPath);
  const real = inside ? undefined : await realPaths(paths, signal);
  return declared.map((each): SeenSource => {
    const { source } = each;
    if (!isPath(source)) return { ...each, real: source };
    const found = real?.get(source) ?? new UnknownPath(INSIDE);
    return typeof found === "string"
      ? { ...each, real: found }
      : { ...each, real: source, unresolved: found.message };
  });
}

/**
 * The sources and their channels. The workspace counts as shared with whoever sees it: with the admin container that has it,
 * or else with the owner, whose next apply runs as root what stands there. `workspace`: its path on the host.
 */
export function hostSources(
  infra: Infra,
  sources: readonly SeenSource[],
  workspace: string,
): HostSources {
  const admins = machinesOf(infra).filter(({ roles }) => roles.includes(ADMIN_ROLE));
  const owners = admins.length === 0 ? [{ name: WORKSPACE, domain: "", range: NOWHERE }] : admins;
  const shared = owners.map(({ name, domain, range }): SeenSource => ({
    machine: name,
    domain,
    device: ADMIN_DEVICES.workspace,
    source: workspace,
    real: workspace,
    readonly: false,
    range,
  }));
  return { sources, channels: findChannels([...sources, ...shared]) };
}

/** Stands for the owner, who is in no domain. */
const WORKSPACE = "this workspace";
const NOWHERE = { file: "", start: { line: 1, column: 1 }, end: { line: 1, column: 1 } };

/** What of it its writer may not expect. */
export function sourceWarnings({ sources, channels }: HostSources): Diagnostic[] {
  return [
    ...sources.filter(isLinked).map((seen): Diagnostic => ({
      severity: "warning",
      code: "LINKED_SOURCE",
      summary:
        `\`${seen.device}\` gives \`${seen.machine}\` ${printable(seen.real)} of the host: ` +
        `${printable(seen.source)} goes through a symbolic link`,
      detail: "Incus follows it when the machine starts; who may change the link decides where to",
      remedy: `name the place itself: \`source: ${printable(seen.real)}\``,
      range: seen.range,
    })),
    ...sources.filter(({ unresolved }) => unresolved !== undefined).map((seen): Diagnostic => ({
      severity: "warning",
      code: "UNRESOLVED_SOURCE",
      summary: `Where ${printable(seen.source)} leads, which \`${seen.device}\` gives ` +
        `\`${seen.machine}\`, cannot be told`,
      detail: printable(seen.unresolved ?? ""),
      remedy:
        "run `anklume check` on the host as root; a directory that is missing is to be made first",
      range: seen.range,
    })),
    ...channels.map((channel): Diagnostic => {
      const named = channel.sources.filter(({ domain }) => domain !== "");
      const ours = named.length < channel.sources.length;
      return {
        severity: "warning",
        code: "SHARED_DIRECTORY",
        summary: `${channelText(channel)}: a way past the firewall`,
        detail: ours
          ? "the next apply runs as root what stands in the workspace, and its secrets lie there"
          : "what one writes there another reads, sockets and programs included",
        remedy: ours
          ? "give the machine a directory that the workspace is not in"
          : "give each domain a directory of its own, or `readonly: true` to all",
        range: named.at(-1)!.range,
      };
    }),
  ];
}

/** `one-a (one) and two-a (two) share /srv/share of the host`; of many the first. */
export function channelText({ path, sources }: Channel): string {
  const names = [
    ...new Set(sources.map(({ machine, domain }) => domain ? `${machine} (${domain})` : machine)),
  ];
  const more = names.length - SHOWN;
  const shown = more > 0 ? [...names.slice(0, SHOWN), `${more} more`] : names;
  const last = shown.pop();
  return `${shown.join(", ")} and ${last} share ${printable(path)}${
    path.startsWith("/") ? " of the host" : ""
  }`;
}

const SHOWN = 4;

/** `share (/srv/share)`, `link (/srv/link, which is /etc)` */
export function bypassText(name: string, seen: SeenSource | undefined): string {
  if (seen === undefined) return name;
  const where = isLinked(seen)
    ? `, which is ${seen.real}`
    : seen.unresolved === undefined
    ? ""
    : ", which cannot be followed";
  return `${name} (${seen.source}${where})`;
}

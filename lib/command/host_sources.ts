import type { Diagnostic } from "../diag/diagnostic.ts";
import { realPaths, UnknownPath } from "../host/real_paths.ts";
import { type Channel, findChannels } from "../infra/channels.ts";
import { hostSourcesOf, isLinked, isPath, type SeenSource } from "../infra/host_source.ts";
import { type Infra, machinesOf } from "../infra/infra.ts";
import { ADMIN_DEVICES, ADMIN_ROLE, type AdminMounts } from "../resource/admin_devices.ts";
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

/** The sources and their channels; an admin container's workspace is one that others may see as well. */
export function hostSources(
  infra: Infra,
  sources: readonly SeenSource[],
  mounts: AdminMounts | undefined,
): HostSources {
  const workspaces = mounts === undefined ? [] : machinesOf(infra)
    .filter(({ roles }) => roles.includes(ADMIN_ROLE))
    .map((machine): SeenSource => ({
      machine: machine.name,
      domain: machine.domain,
      device: ADMIN_DEVICES.workspace,
      source: mounts.workspace,
      real: mounts.workspace,
      readonly: false,
      range: machine.range,
    }));
  return { sources, channels: findChannels([...sources, ...workspaces]) };
}

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
    ...channels.map((channel): Diagnostic => ({
      severity: "warning",
      code: "SHARED_DIRECTORY",
      summary: `${channelText(channel)}: a way past the firewall`,
      detail: "what one writes there another reads, sockets and programs included",
      remedy: "give each domain a directory of its own, or `readonly: true` to all",
      range: channel.sources.at(-1)!.range,
    })),
  ];
}

/** `one-a (one) and two-a (two) share /srv/share of the host`; of many the first. */
export function channelText({ path, sources }: Channel): string {
  const names = [...new Set(sources.map(({ machine, domain }) => `${machine} (${domain})`))];
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

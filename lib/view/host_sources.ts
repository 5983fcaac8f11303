import type { Diagnostic } from "../diag/diagnostic.ts";
import type { Channel } from "../infra/check/channels.ts";
import { isLinked, type SeenSource } from "../infra/check/host_source.ts";
import type { HostSources } from "../resource/host_sources.ts";
import { printable } from "./text.ts";

/** Warns of sources that may surprise the user. */
export function sourceWarnings({ sources, channels }: HostSources): Diagnostic[] {
  return [
    ...sources.filter(isLinked).map((seen): Diagnostic => ({
      severity: "warning",
      code: "LINKED_SOURCE",
      summary:
        `\`${seen.device}\` gives \`${seen.machine}\` ${printable(seen.real)} of the host: ` +
        `${printable(seen.source)} goes through a symbolic link`,
      detail:
        "Incus follows it when the machine starts; anyone who can change the link decides where it leads",
      remedy: `name its target instead: \`source: ${printable(seen.real)}\``,
      range: seen.range,
    })),
    ...sources.filter(({ unresolved }) => unresolved !== undefined).map((seen): Diagnostic => ({
      severity: "warning",
      code: "UNRESOLVED_SOURCE",
      summary:
        `Cannot find out where ${printable(seen.source)} leads, which \`${seen.device}\` gives ` +
        `\`${seen.machine}\``,
      detail: printable(seen.unresolved ?? ""),
      remedy:
        "run `anklume check` on the host as root; create the directory first if it is missing",
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
          ? "the next apply runs files of the workspace as root, and the workspace contains secrets"
          : "what one writes there, another reads, including sockets and programs",
        remedy: ours
          ? "give the machine a directory that does not contain the workspace"
          : "give each domain a directory of its own, or `readonly: true` to all",
        range: named.at(-1)!.range,
      };
    }),
  ];
}

/**
 * Returns a text such as `one-a (one) and two-a (two) share /srv/share of the host`; of many
 * machines only the first.
 */
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

/** Returns a text such as `share (/srv/share)` or `link (/srv/link, which is /etc)`. */
export function bypassText(name: string, seen: SeenSource | undefined): string {
  if (seen === undefined) return name;
  const where = isLinked(seen)
    ? `, which is ${seen.real}`
    : seen.unresolved === undefined
    ? ""
    : ", which cannot be followed";
  return `${name} (${seen.source}${where})`;
}

import type { Findings, View } from "./view.ts";
import type { TrustLevel } from "../infra/infra.ts";
import { type Style, trustColor } from "./style.ts";
import { type Cell, table } from "./table.ts";
import { hang, printable, shortenLine } from "./text.ts";
import { count } from "./number_text.ts";
import { jsonText } from "./json.ts";

/** The state of the host, as `status` shows it; its `--json` only adds `format`. */
export interface Status {
  readonly project: string;
  readonly infraId: string;
  readonly firewall: FirewallStatus;
  readonly domains: readonly DomainStatus[];
  readonly machines: readonly MachineStatus[];
  /** Undeclared holes in the isolation: `instance pro/pro-dev: devices.eth9`. */
  readonly breaches: readonly string[];
  /** Domains that cannot work on this host as it is, and why. */
  readonly conflicts: readonly ConflictStatus[];
  /**
   * Exceptions that infra.yml declares under `bypasses_isolation`:
   * `pro-dev: eth1, share (/srv/share)`.
   */
  readonly bypasses: readonly string[];
  /**
   * Directories that machines of several domains share:
   * `one-a (one) and two-a (two) share /srv/share of the host`.
   */
  readonly channels: readonly string[];
  /** Resources that this infra owns and no longer declares. */
  readonly orphans: readonly string[];
  /** Machines that are not this infra's, in a domain's project or on its bridge; absent: none. */
  readonly strangers?: readonly StrangerStatus[];
  /** Published ports that another program uses, one sentence each; absent: none. */
  readonly ports?: readonly string[];
  /** Number of resources that `apply` would change. */
  readonly pending: number;
  /** Number of errors that prevent an apply; absent: none. */
  readonly errors?: number;
}

export interface StrangerStatus {
  readonly resource: string;
  readonly domain: string;
  readonly state: string;
  /** NICs on bridges of the infra, where all that it sends is dropped: `eth0 on net-pro`. */
  readonly walled: readonly string[];
  /** Its connections past the firewall: `eth1 (nic incusbr0)`. */
  readonly doors: readonly string[];
}

export interface FirewallStatus {
  /**
   * `in-place`: the live ruleset is the rendered one. `different`: the live ruleset or infra.yml
   * was changed. `missing`: the domains are open. `unknown`: reading it needs root.
   */
  readonly state: "in-place" | "missing" | "different" | "unknown";
  /** The difference, for people. */
  readonly detail?: string;
}

interface ConflictStatus {
  readonly domain: string;
  readonly summary: string;
  readonly remedy?: string;
}

export interface DomainStatus {
  readonly name: string;
  readonly trustLevel: TrustLevel;
  readonly enabled: boolean;
  readonly subnet: string;
  readonly bridge: string;
  /** `full`, `none`, `public-only`, `via wg0`. */
  readonly internet: string;
  /** True if its bridge exists. */
  readonly present: boolean;
  /**
   * Faults of its bridge on the host, which `apply` repairs: `it is down`,
   * `nobody answers for DNS and DHCP`.
   */
  readonly trouble: readonly string[];
}

export interface MachineStatus {
  readonly name: string;
  readonly domain: string;
  readonly trustLevel: TrustLevel;
  readonly type: "lxc" | "vm";
  /** Incus's status in lower case (`running`, `stopped`, `frozen`, `error`), or `absent`. */
  readonly state: string;
  readonly ip: string;
  readonly image: string;
  /** The action that apply would take; undefined: it is as declared. */
  readonly pending?: "create" | "update" | "replace" | "delete" | "provision";
}

/** Returns the status for people, firewall first, within the width of the screen. */
export function statusText(status: Status, style: Style): string {
  const { colors, width } = style;
  const lines = [firewallLine(status, style)];
  // Domains may share a cause.
  const causes = new Map(status.conflicts.map(({ summary, remedy }) => [summary, remedy]));
  for (const [summary, remedy] of causes) {
    lines.push(colors.red(hang("Conflict  ", printable(summary), width)));
    if (remedy !== undefined) lines.push(hang("          ", printable(remedy), width));
  }
  const held = new Set(status.conflicts.map(({ domain }) => domain));
  for (const { name, bridge, trouble } of status.domains) {
    if (trouble.length === 0) continue;
    const mends = held.has(name) ? "" : "; `anklume apply` fixes it";
    const text = `${bridge}: ${trouble.join(", ")}${mends}`;
    lines.push(colors.red(hang("Bridge    ", printable(text), width)));
  }
  for (const breach of status.breaches) {
    lines.push(
      colors.red(colors.bold(hang("BREACH    ", `${printable(breach)} is open`, width))),
    );
  }
  for (const bypass of status.bypasses) {
    lines.push(
      colors.yellow(hang("Bypass    ", `${printable(bypass)}, as infra.yml declares`, width)),
    );
  }
  for (const channel of status.channels) {
    lines.push(
      colors.yellow(hang("Channel   ", `${printable(channel)}, past the firewall`, width)),
    );
  }
  for (const stranger of status.strangers ?? []) {
    lines.push(colors.yellow(hang("Foreign   ", printable(strangerText(stranger)), width)));
  }
  for (const port of status.ports ?? []) {
    lines.push(colors.yellow(hang("Port      ", printable(port), width)));
  }
  if (status.domains.length > 0) lines.push("", ...domainTable(status, style));
  if (status.machines.length > 0) lines.push("", ...machineTable(status, style));
  if (status.orphans.length > 0) {
    lines.push("", colors.bold("No longer in infra.yml, still isolated:"));
    for (const orphan of status.orphans) lines.push(shortenLine(`  ${printable(orphan)}`, width));
  }
  lines.push("", driftLine(status, style));
  return `${lines.join("\n")}\n`;
}

function firewallLine(status: Status, { colors, width }: Style): string {
  const { firewall, project } = status;
  const detail = firewall.detail === undefined ? "" : `: ${printable(firewall.detail)}`;
  switch (firewall.state) {
    case "in-place":
      return colors.green(`Firewall  loaded, as rendered for ${project}`);
    case "different":
      return colors.red(
        hang(
          "Firewall  ",
          `DIFFERS from what infra.yml asks for${detail}; \`anklume apply\` fixes it`,
          width,
        ),
      );
    case "missing":
      if (!hasDomains(status)) {
        return "Firewall  not loaded yet; `anklume apply` loads it before the first machine";
      }
      return colors.red(
        colors.bold(
          hang(
            "Firewall  ",
            `NOT LOADED: the domains are open${detail}; \`anklume apply\` fixes it`,
            width,
          ),
        ),
      );
    case "unknown":
      return colors.yellow(
        hang("Firewall  ", `unknown${detail === "" ? ": reading it needs root" : detail}`, width),
      );
  }
}

/** True if anything of the infra is on this host, so that it could be open. */
function hasDomains({ domains, machines, orphans }: Status): boolean {
  return domains.some(({ present }) => present) || orphans.length > 0 ||
    machines.some(({ state }) => state !== "absent");
}

function domainTable(status: Status, style: Style): string[] {
  const rows = status.domains.map((domain): Cell[] => [
    { text: domain.name, paint: trustColor(style, domain.trustLevel) },
    { text: domain.trustLevel, paint: trustColor(style, domain.trustLevel) },
    { text: domain.subnet },
    { text: domain.bridge },
    { text: domain.internet },
    domainState(domain, style),
  ]);
  const columns = [
    { title: "DOMAIN", least: 12 },
    { title: "TRUST" },
    { title: "SUBNET" },
    { title: "BRIDGE" },
    { title: "INTERNET", least: 8 },
    { title: "STATE" },
  ];
  return table(columns, rows, style.width, style.colors.bold);
}

function domainState(domain: DomainStatus, { colors }: Style): Cell {
  if (!domain.enabled) return { text: "disabled", paint: colors.dim };
  if (!domain.present) return { text: "absent", paint: colors.yellow };
  if (domain.trouble.length > 0) return { text: "broken", paint: colors.red };
  return { text: "up", paint: colors.green };
}

function machineTable(status: Status, style: Style): string[] {
  const { colors } = style;
  const rows = status.machines.map((machine): Cell[] => [
    { text: machine.name, paint: trustColor(style, machine.trustLevel) },
    { text: machine.type },
    { text: machine.state, paint: stateColor(machine.state, style) },
    { text: machine.ip },
    { text: printable(machine.image) },
    machine.pending === undefined
      ? { text: "", paint: colors.dim }
      : { text: machine.pending, paint: colors.yellow },
  ]);
  const columns = [
    { title: "MACHINE", least: 20 },
    { title: "TYPE" },
    { title: "STATE" },
    { title: "ADDRESS" },
    { title: "IMAGE", least: 12 },
    { title: "PENDING" },
  ];
  return table(columns, rows, style.width, colors.bold);
}

function stateColor(state: string, { colors }: Style): (text: string) => string {
  if (state === "running") return colors.green;
  return state === "error" || state === "absent" ? colors.red : colors.yellow;
}

function driftLine(status: Status, { colors, width }: Style): string {
  const running = status.machines.filter((machine) => machine.state === "running").length;
  const machines = `${running} of ${count(status.machines.length, "machine")} running`;
  const amiss = amissIn(status);
  if (status.pending === 0 && amiss.length === 0) {
    return `${status.project}: ${machines}, all as declared.`;
  }
  const changes = status.pending === 0
    ? []
    : [`${count(status.pending, "change")} pending, see \`anklume check\``];
  return colors.yellow(
    hang("", `${status.project}: ${machines}; ${[...changes, ...amiss].join("; ")}.`, width),
  );
}

/** Returns what else makes "all as declared" untrue. */
function amissIn(
  { breaches, strangers = [], ports = [], orphans, errors = 0, firewall }: Status,
): string[] {
  return [
    ...(breaches.length === 0 ? [] : [`${count(breaches.length, "opening")} in the isolation`]),
    ...(strangers.length === 0 ? [] : [count(strangers.length, "foreign machine")]),
    ...(orphans.length === 0
      ? []
      : [`${count(orphans.length, "resource")} that infra.yml no longer declares`]),
    ...(ports.length === 0 ? [] : [`${count(ports.length, "published port")} of another program`]),
    ...(errors === 0 ? [] : [`${count(errors, "error")}, see below`]),
    ...(firewall.state === "unknown" ? ["the firewall was not checked"] : []),
  ];
}

/**
 * Returns a text such as
 * `instance pro/x (running) is not anklume's; eth0 on net-pro is isolated`. Pure.
 */
export function strangerText({ resource, state, walled, doors }: StrangerStatus): string {
  const nics = walled.length === 0
    ? []
    : [`${walled.join(", ")} ${walled.length === 1 ? "is" : "are"} isolated`];
  const out = doors.length === 0 ? [] : [`it has ${doors.join(", ")}, past the firewall`];
  return [`${resource} (${state}) is not anklume's`, ...nics, ...out].join("; ");
}

interface SeenStatus extends Status {
  /** The errors, for people; the status counts them. */
  readonly findings: Findings;
}

/** `status` */
export const statusView: View<SeenStatus> = {
  text: statusText,
  below: ({ findings }) => findings,
  json: ({ findings: _, ...status }) => jsonText({ format: 1, ...status }),
};

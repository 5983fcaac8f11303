import type { HostConflict } from "../addressing/host_conflict.ts";
import type { Addressing } from "../addressing/addressing.ts";
import type { SeenSource } from "../infra/check/host_source.ts";
import type { Domain, Infra, Internet, Machine } from "../infra/infra.ts";
import type { ActualState } from "../plan/actual_state.ts";
import type { Plan, Stranger } from "../plan/plan.ts";
import { ADMIN_ROLE } from "../resource/admin_devices.ts";
import { formatAddr, type ResourceAddr } from "../resource/address.ts";
import { breachesOf } from "../resource/breach.ts";
import { linkTrouble } from "../resource/bridge_link.ts";
import { instanceAddr } from "../resource/instance.ts";
import { networkAddr } from "../resource/network.ts";
import type { ActualResource } from "../resource/resource.ts";
import { bypassText, channelText } from "./host_sources.ts";
import type { HostSources } from "../resource/host_sources.ts";
import type {
  DomainStatus,
  FirewallStatus,
  MachineStatus,
  Status,
  StrangerStatus,
} from "./status.ts";
import { optional } from "../diag/optional.ts";

/** Builds the status of the host from the same plan that `check` shows. Pure. */
export function buildStatus(
  infra: Infra,
  addressing: Addressing,
  actual: ActualState,
  plan: Plan,
  needs: readonly { readonly machine: string }[] = [],
  conflicts: readonly HostConflict[] = [],
  { sources, channels }: HostSources = { sources: [], channels: [] },
): Status {
  const live = new Map(actual.resources.map((each) => [formatAddr(each.addr), each]));
  const domains = infra.domains.map((domain): DomainStatus => {
    const address = addressing.domains.get(domain.name);
    const bridge = address?.bridge ?? "";
    return {
      name: domain.name,
      trustLevel: domain.trustLevel,
      enabled: domain.enabled,
      subnet: address?.subnet ?? "",
      bridge,
      internet: internetText(domain.internet),
      present: live.has(formatAddr(networkAddr(bridge))),
      trouble: domain.enabled ? troubleOf(live.get(formatAddr(networkAddr(bridge)))) : [],
    };
  });
  const machines = infra.domains.flatMap((domain) =>
    domain.machines.map((machine) => {
      const seen = machineStatus(domain, machine, addressing, live, plan);
      const provision = needs.some((need) => need.machine === machine.name);
      return seen.pending === undefined && provision
        ? { ...seen, pending: "provision" as const }
        : seen;
    })
  );
  return {
    project: infra.projectName,
    infraId: addressing.infraId,
    firewall: firewallStatus(actual),
    domains,
    machines,
    breaches: breachesOf(plan).filter(({ addr }) => addr.kind !== "firewall")
      .map(({ addr, field }) => doorText(addr, field.path)),
    conflicts: conflicts.map(({ domain, diagnostic: { summary, remedy } }) => ({
      domain,
      summary,
      ...optional({ remedy }),
    })),
    ...optional({ strangers: plan.strangers?.map(strangerStatus) }),
    bypasses: infra.domains.flatMap((domain) =>
      domain.machines
        .map((machine) => ({ name: machine.name, doors: doorsOf(machine, sources) }))
        .filter(({ doors }) => doors.length > 0)
        .map(({ name, doors }) => `${name}: ${doors.join(", ")}`)
    ),
    channels: channels.map(channelText),
    orphans: plan.orphans.map((orphan) => formatAddr(orphan.addr)),
    pending: plan.changes.length + plan.held.length + needs.length,
  };
}

/**
 * Returns the faults of enabled domains' bridges on the host, one line each: `net-pro: it is down`.
 */
export function brokenBridges(
  infra: Infra,
  addressing: Addressing,
  { resources }: Pick<ActualState, "resources">,
): string[] {
  const live = new Map(resources.map((each) => [formatAddr(each.addr), each]));
  return infra.domains.filter(({ enabled }) => enabled).flatMap(({ name }) => {
    const bridge = addressing.domains.get(name)?.bridge ?? "";
    return troubleOf(live.get(formatAddr(networkAddr(bridge)))).map((what) => `${bridge}: ${what}`);
  });
}

/** Returns a text such as `instance pro/pro-dev: devices.eth9`. */
function doorText(addr: ResourceAddr, path: string): string {
  const port = /^link\.ports\.(.+)$/.exec(path)?.[1];
  return port === undefined
    ? `${formatAddr(addr)}: ${path}`
    : `the foreign port ${port} of ${addr.name}`;
}

function troubleOf(network: ActualResource | undefined): string[] {
  if (network?.kind !== "network" || network.link === undefined) return [];
  return linkTrouble(network.addr.name, network.config, network.link);
}

/**
 * Returns what infra.yml gives a machine that bypasses the isolation; Incus's socket gives the most
 * power.
 */
function doorsOf(
  { name, bypassesIsolation, roles }: Machine,
  sources: readonly SeenSource[],
): string[] {
  const own = sources.filter(({ machine }) => machine === name);
  const doors = bypassesIsolation.map((door) =>
    bypassText(door, own.find(({ device }) => device === door))
  );
  return [...doors, ...(roles.includes(ADMIN_ROLE) ? ["role admin"] : [])];
}

/** Returns a machine that is not anklume's in the form of `status` and the other reading verbs. */
export function strangerStatus({ addr, ...rest }: Stranger): StrangerStatus {
  return { resource: formatAddr(addr), ...rest };
}

function machineStatus(
  domain: Domain,
  machine: Machine,
  addressing: Addressing,
  live: ReadonlyMap<string, ActualState["resources"][number]>,
  plan: Plan,
): MachineStatus {
  const name = formatAddr(instanceAddr(domain.name, machine.name));
  const found = live.get(name);
  const action = plan.changes.find((change) => formatAddr(change.addr) === name)?.action;
  return {
    name: machine.name,
    domain: domain.name,
    trustLevel: domain.trustLevel,
    type: machine.type,
    state: found?.kind === "instance" ? found.status.toLowerCase() : "absent",
    ip: addressing.machines.get(machine.name)?.ip ?? "",
    image: machine.image.text,
    ...optional({ pending: action === "no-op" ? undefined : action }),
  };
}

function firewallStatus({ firewall }: ActualState): FirewallStatus {
  const [first, ...more] = firewall.differences;
  if (first === undefined) return { state: firewall.state };
  const rest = more.length === 0 ? "" : ` (and ${more.length} more)`;
  return { state: firewall.state, detail: `${first}${rest}` };
}

function internetText(internet: Internet): string {
  return internet.kind === "via" ? `via ${internet.interfaces.join(", ")}` : internet.kind;
}

import { because } from "../../addressing/diversion_text.ts";
import { diagnosticsOf } from "../../addressing/host_conflict.ts";
import type { Infra } from "../../infra/infra.ts";
import type { Live } from "../../live/open_live.ts";
import { liveMachines } from "../../live/run_forecast.ts";
import type { Finding } from "../../nftables/finding.ts";
import { FirewallError } from "../../nftables/firewall_error.ts";
import {
  type DoctorWishes,
  type HostFacts,
  readActiveServices,
  readDefaultInterfaces,
  readKnowsProtocols,
  readNftVersion,
  readOtherTables,
  readStrangers,
  readSysctls,
} from "../../nftables/host_facts.ts";
import { nicsOf } from "../../nftables/nic.ts";
import { persistedDifferences } from "../../nftables/persist.ts";
import { blockedFindings } from "../../verify/blocked.ts";
import { needsOf } from "../../verify/need.ts";
import { brokenBridges } from "../../view/build_status.ts";
import type { Workspace } from "../../workspace/load_workspace.ts";
import { askNeeds, blockedOf } from "../network/ask_needs.ts";
import { readSurroundings, type TraceSurroundings } from "../network/surroundings.ts";

type NftFacts = Pick<HostFacts, "nftVersion" | "knowsProtocols">;

export async function readNftFacts(signal: AbortSignal): Promise<NftFacts> {
  const [nftVersion, knowsProtocols] = await Promise.all([
    readNftVersion({ signal }),
    readKnowsProtocols({ signal }),
  ]);
  return { nftVersion, knowsProtocols };
}

/** Returns the parts of the infra that the checks depend on. */
export function doctorWishes({ global, domains, policies }: Infra): DoctorWishes {
  const via = domains.flatMap(({ internet }) => internet.kind === "via" ? internet.interfaces : []);
  return {
    ipv6: global.ipv6,
    anyInternet: domains.some(({ internet }) => internet.kind !== "none") || policies.length > 0,
    via: [...new Set(via)],
  };
}

/** Reads everything about the host that the checks need, beyond what `openLive` has read. */
export async function readHostFacts(
  { infra, warnings }: Workspace,
  live: Live,
  wishes: DoctorWishes,
  nft: NftFacts,
  signal: AbortSignal,
): Promise<HostFacts> {
  const { addressing, actual, ruleset } = live;
  const bridges = new Set([...addressing.domains.values()].map(({ bridge }) => bridge));
  const ports = new Set(nicsOf(infra, addressing).map(({ port }) => port));
  const around = await readSurroundings(infra, addressing, actual.resources, signal);
  const [sysctls, others, strangers, atBoot, managers, uplinks] = await Promise.all([
    readSysctls(sysctlKeys(wishes), { signal }),
    readOtherTables({ signal }),
    readStrangers(bridges, ports, { signal }),
    persistedDifferences(ruleset, { signal }),
    readActiveServices(["NetworkManager", "systemd-networkd"], { signal }),
    readDefaultInterfaces({ signal }),
  ]);
  const named = new Set(["NO_WAY_OUT", "INTERFACE_MISSING"]);
  return {
    ...nft,
    missingInterfaces: [...warnings, ...live.warnings].filter(({ code }) => named.has(code)),
    sysctls,
    chains: others?.chains,
    blocked: others === undefined ? undefined : await otherFirewalls(infra, live, around, signal),
    flowtables: others?.flowtables,
    strangers,
    atBoot,
    firewall: actual.firewall.state,
    overlaps: diagnosticsOf(live.conflicts),
    diversions: live.warnings.filter(({ code }) => code === "HOST_ROUTE_DIVERTED"),
    strayed: await readStrayed(infra, live, around),
    brokenBridges: brokenBridges(infra, addressing, actual),
    managers,
    uplinks: await Promise.all(
      uplinks.map(async (name) => ({ name, isOutside: await around.isOutside(name) })),
    ),
  };
}

function sysctlKeys({ via }: DoctorWishes): string[] {
  return [
    "net.ipv4.ip_forward",
    "net.ipv6.conf.all.forwarding",
    "net.ipv4.conf.all.rp_filter",
    "net.bridge.bridge-nf-call-iptables",
    ...via.map((name) => `net.ipv4.conf.${name}.rp_filter`),
  ];
}

/**
 * Returns the domains whose internet traffic a routing table before `main` sends where it may not
 * go.
 */
async function readStrayed(
  { domains }: Infra,
  live: Live,
  around: TraceSurroundings,
): Promise<HostFacts["strayed"]> {
  const strayed: HostFacts["strayed"][number][] = [];
  const ways = live.ways().get(4);
  for (const { name: domain, enabled, internet } of domains) {
    const bridge = live.addressing.domains.get(domain)?.bridge ?? "";
    if (!enabled || internet.kind === "none" || internet.kind === "via") continue;
    const choice = ways?.choices(SOMEWHERE, bridge).at(-1);
    const name = choice?.kind === "device" ? choice.route?.dev : undefined;
    // The check of the uplinks covers the main table.
    if (choice?.rule === undefined || choice.rule.table === "main" || name === undefined) continue;
    if (await around.isOutside(name)) continue;
    const { priority } = choice.rule;
    strayed.push({ domain, bridge, name, because: because(choice), priority });
  }
  return strayed;
}

/** A documentation address (RFC 5737): no route is specific to it. */
const SOMEWHERE = "203.0.113.10";

/**
 * Returns what other firewalls block; undefined: anklume's own rules are not loaded, so nothing can
 * be tested.
 */
async function otherFirewalls(
  infra: Infra,
  live: Live,
  around: TraceSurroundings,
  signal: AbortSignal,
): Promise<Finding[] | undefined> {
  const running = new Set(
    [...liveMachines(live.actual)].filter(([, { running }]) => running)
      .map(([name]) => name.split("/")[1] ?? ""),
  );
  const context = { infra, live, around, signal };
  try {
    const asked = await askNeeds(needsOf(infra, running), context, { forwards: true });
    return blockedFindings(blockedOf(asked));
  } catch (error) {
    if (!(error instanceof FirewallError)) throw error;
    if (error.fault === "differs") return undefined;
    return [{ check: "firewalls", state: "unknown", detail: error.message }];
  }
}

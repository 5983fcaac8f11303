import { show } from "../../session/show.ts";
import { lookForAnsible } from "../../ansible/find_ansible.ts";
import { because, diagnosticsOf } from "../../addressing/host_conflicts.ts";
import { PATIENCE_MS, runCommand } from "../../host/command.ts";
import type { Infra } from "../../infra/infra.ts";
import { connectIncus } from "../../incus/incus_client.ts";
import { IncusUnreachableError } from "../../incus/incus_error.ts";
import { FirewallError } from "../../nftables/firewall_error.ts";
import {
  checkHost,
  checkNft,
  type DoctorWishes,
  type Finding,
  type HostFacts,
  triedState,
} from "../../nftables/host_check.ts";
import {
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
import { commandText, findingsText, findingsView } from "../../view/doctor.ts";
import { askNeeds, blockedOf } from "../network/ask_needs.ts";
import { brokenBridges } from "../../view/build_status.ts";
import { agree } from "../../session/confirm.ts";
import { EXIT, type ExitStatus } from "../../session/exit_status.ts";
import { doorFindings, forwardFinding } from "./doors.ts";
import { describeFault } from "../../session/fault.ts";
import { assertOnHost } from "../../live/host_side.ts";
import { type Live, openLive } from "../../live/open_live.ts";
import { createRunForecast, liveMachines } from "../../live/run_forecast.ts";
import { readSurroundings, type TraceSurroundings } from "../network/surroundings.ts";
import { requestTimeout } from "../../live/request_timeout.ts";
import type { Session } from "../../session/session.ts";
import type { Workspace } from "../../workspace/load_workspace.ts";
import { withWorkspace } from "../../workspace/with_workspace.ts";
import { optional } from "../../diag/optional.ts";

interface DoctorOptions {
  readonly fix?: true;
  readonly yes?: true;
  readonly json?: true;
}

/**
 * Reports what breaks or bypasses the isolation on this host, or the internet access of the
 * domains, and repairs it on request.
 */
export async function doctor(options: DoctorOptions, session: Session): Promise<ExitStatus> {
  assertOnHost();
  return await withWorkspace(session, options, async (workspace) => {
    const { terminal, out } = session;
    let findings = await examine(workspace, session);
    if (options.fix && !options.json) {
      const broken = findings.filter(({ fix, state }) => fix !== undefined && state !== "ok");
      terminal.out(findingsText(findings, out));
      if (broken.length === 0) {
        terminal.out("\nThere is nothing that anklume can fix by itself.\n");
        return statusOf(findings);
      }
      // After the repair of one rule, another rule may drop the packet.
      const done = new Set<string>();
      for (let next = broken; next.length > 0;) {
        for (const finding of next) {
          const answer = await mend(finding, options, session);
          if (answer !== EXIT.done) return answer;
          done.add(fixText(finding));
        }
        findings = await examine(workspace, session);
        next = findings.filter((finding) =>
          finding.fix !== undefined && finding.state !== "ok" && !done.has(fixText(finding))
        );
      }
      terminal.out("\n");
    }
    show(findingsView, findings, options, session);
    return statusOf(findings);
  });
}

function fixText({ fix = [] }: Finding): string {
  return fix.map(commandText).join("\n");
}

function statusOf(findings: readonly Finding[]): ExitStatus {
  return findings.some(({ state }) => state === "bad") ? EXIT.failed : EXIT.done;
}

/** Runs the commands of one finding, after asking. */
async function mend(
  { check, fix = [] }: Finding,
  options: DoctorOptions,
  session: Session,
): Promise<ExitStatus> {
  const { terminal, signal } = session;
  terminal.out(`\n${check}:\n${fix.map((argv) => `  ${commandText(argv)}\n`).join("")}`);
  const consent = {
    question: "Run that?",
    untouched: "Nothing was run.",
    remedy: "Look at the commands above, then run the same command with --yes.",
  };
  const refused = await agree(consent, options, session);
  // A no leaves only this finding alone: the next one is still asked about.
  if (refused === EXIT.failed && terminal.interactive) return EXIT.done;
  if (refused !== undefined) return refused;
  for (const argv of fix) await runCommand(argv, { signal, timeoutMs: PATIENCE_MS });
  return EXIT.done;
}

async function examine(workspace: Workspace, session: Session): Promise<Finding[]> {
  const { infra } = workspace;
  const { signal } = session;
  const incus = await examineIncus(signal);
  const ansible = await examineAnsible(workspace);
  const [nftVersion, knowsProtocols] = await Promise.all([
    readNftVersion({ signal }),
    readKnowsProtocols({ signal }),
  ]);
  const nft = checkNft({ nftVersion, knowsProtocols });
  if (incus.state === "bad") {
    return [incus, ansible, nft];
  }
  // Without nft, there would be no rendered ruleset to compare with either.
  if (nft.state === "bad") return [incus, ansible, nft];
  await using live = await openLive(workspace, session);
  if (live === undefined) {
    const detail = "cannot work here as it is, see the error; the host was not checked for it";
    return [incus, ansible, { check: "infra", state: "bad", detail }];
  }
  const { addressing, actual, ruleset } = live;
  const via = infra.domains.flatMap(({ internet }) =>
    internet.kind === "via" ? internet.interfaces : []
  );
  const wishes: DoctorWishes = {
    ipv6: infra.global.ipv6,
    anyInternet: infra.domains.some(({ internet }) => internet.kind !== "none") ||
      infra.policies.length > 0,
    via: [...new Set(via)],
  };
  const bridges = new Set([...addressing.domains.values()].map(({ bridge }) => bridge));
  const ports = new Set(nicsOf(infra, addressing).map(({ port }) => port));
  const keys = [
    "net.ipv4.ip_forward",
    "net.ipv6.conf.all.forwarding",
    "net.ipv4.conf.all.rp_filter",
    "net.bridge.bridge-nf-call-iptables",
    ...wishes.via.map((name) => `net.ipv4.conf.${name}.rp_filter`),
  ];
  const around = await readSurroundings(infra, addressing, actual.resources, signal);
  const [sysctls, others, strangers, atBoot, managers, uplinks] = await Promise.all([
    readSysctls(keys, { signal }),
    readOtherTables({ signal }),
    readStrangers(bridges, ports, { signal }),
    persistedDifferences(ruleset, { signal }),
    readActiveServices(["NetworkManager", "systemd-networkd"], { signal }),
    readDefaultInterfaces({ signal }),
  ]);
  const diversions = live.warnings.filter(({ code }) => code === "HOST_ROUTE_DIVERTED");
  const named = new Set(["NO_WAY_OUT", "INTERFACE_MISSING"]);
  const facts: HostFacts = {
    missingInterfaces: [...workspace.warnings, ...live.warnings]
      .filter(({ code }) => named.has(code)),
    nftVersion,
    knowsProtocols,
    sysctls,
    chains: others?.chains,
    blocked: others === undefined ? undefined : await otherFirewalls(infra, live, around, signal),
    flowtables: others?.flowtables,
    strangers,
    atBoot,
    firewall: actual.firewall.state,
    overlaps: diagnosticsOf(live.conflicts),
    diversions,
    strayed: await readStrayed(infra, live, around),
    brokenBridges: brokenBridges(infra, addressing, actual),
    managers,
    uplinks: await Promise.all(
      uplinks.map(async (name) => ({ name, isOutside: await around.isOutside(name) })),
    ),
  };
  const { plan } = await createRunForecast(workspace, live, {});
  const stand = new Set(
    actual.resources.flatMap(({ kind, addr }) => kind === "network" ? [addr.name] : []),
  );
  return [
    incus,
    ansible,
    ...checkHost(facts, wishes),
    ...doorFindings(plan, live.ports),
    await forwardFinding(live.incus, [...bridges].filter((name) => stand.has(name)), signal),
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

async function examineIncus(signal: AbortSignal): Promise<Finding> {
  const check = "incus";
  try {
    await using incus = await connectIncus({ signal, timeoutMs: requestTimeout() });
    return { check, ...triedState("incus", incus.info.environment.server_version) };
  } catch (error) {
    if (!(error instanceof IncusUnreachableError)) throw error;
    const { message, remedy } = describeFault(error);
    return { check, state: "bad", detail: message, ...optional({ remedy }) };
  }
}

async function examineAnsible({ infra }: Workspace): Promise<Finding> {
  const check = "ansible";
  const found = await lookForAnsible(infra.global.defaultConnection);
  if (found.kind === "found") return { check, ...triedState("ansible", found.version) };
  const [first] = found.diagnostics;
  const remedy = first?.remedy;
  return {
    check,
    state: "warning",
    detail: first?.summary ?? "",
    ...optional({ remedy }),
  };
}

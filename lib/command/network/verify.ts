import { show } from "../../session/show.ts";
import { makeRoot } from "../../host/make_root.ts";
import { FirewallError } from "../../nftables/firewall_error.ts";
import { type NotProbed, notProbed } from "../../verify/not_probed.ts";
import { notRunning, planProbes, type Scene } from "../../verify/plan_probes.ts";
import { type Result, siteOf } from "../../verify/judge.ts";
import type { ProbePlace } from "../../verify/probe.ts";
import { matrixOf } from "../../verify/matrix.ts";
import { hostSite, instanceSite, readProber } from "../../verify/sites.ts";
import { proveIsolation } from "../../verify/verify.ts";
import { differences, isProven, placeText, verificationView } from "../../view/verify.ts";
import type { WhyLine } from "../../view/why.ts";
import { buildStatus } from "../../view/build_status.ts";
import { EXIT, type ExitStatus } from "../../session/exit_status.ts";
import { assertOnHost } from "../../live/host_side.ts";
import type { Live } from "../../live/open_live.ts";
import { createRunForecast, liveMachines } from "../../live/run_forecast.ts";
import { askNeeds, type NeedContext } from "./ask_needs.ts";
import { askRules, type RuleContext } from "./ask_rules.ts";
import { readSurroundings } from "./surroundings.ts";
import { selectDomains } from "../../workspace/select_domains.ts";
import type { Session } from "../../session/session.ts";
import { showConflicts } from "../../session/show_diagnostics.ts";
import type { TraceQuestion } from "./trace_stage.ts";
import type { Workspace } from "../../workspace/load_workspace.ts";
import { withWorkspace } from "../../workspace/with_workspace.ts";
import { withLive } from "../../live/with_live.ts";
import { optional } from "../../diag/optional.ts";

interface VerifyOptions {
  readonly domain: readonly string[];
  readonly json?: true | undefined;
  readonly full?: true | undefined;
}

/** Proves the isolation with real packets; `apply --verify` ends with this proof. */
export async function networkVerify(
  options: VerifyOptions,
  session: Session,
): Promise<ExitStatus> {
  assertOnHost();
  return await withWorkspace(session, options, async (workspace) => {
    const domains = selectDomains(workspace.infra, options.domain);
    return await withLive(workspace, session, options, async (live) => {
      showConflicts(live, workspace, session, "The test continues anyway.");
      return await verifyLive(workspace, live, { ...options, domains }, session);
    });
  });
}

interface LiveVerifyOptions {
  readonly domains?: readonly string[] | undefined;
  readonly json?: true | undefined;
  readonly full?: true | undefined;
}

/** Proves the isolation on a host that has been read. */
async function verifyLive(
  workspace: Workspace,
  live: Live,
  options: LiveVerifyOptions,
  session: Session,
): Promise<ExitStatus> {
  const began = performance.now();
  const { infra } = workspace;
  const { addressing, actual, incus } = live;
  const { signal } = session;
  const { plan } = await createRunForecast(workspace, live, {});
  const status = buildStatus(infra, addressing, actual, plan);
  const machines = liveMachines(actual);
  const projectOf = new Map(
    infra.domains.flatMap((domain) =>
      domain.machines.map(({ name }) => [name, domain.name] as const)
    ),
  );
  const running = new Set(
    [...projectOf].filter(([name, project]) => machines.get(`${project}/${name}`)?.running).map((
      [name],
    ) => name),
  );
  const host = actual.firewall.state !== "unknown";
  const around = await readSurroundings(infra, addressing, actual.resources, signal);
  const { outside, hostAddresses, otherGateways } = around;
  const scene: Scene = { infra, addressing, running, hostAddresses, otherGateways, host, outside };
  const probes = planProbes(scene, {
    domains: options.domains === undefined ? undefined : new Set(options.domains),
    full: options.full ?? false,
  });
  const program = readProber();
  if (host) await makeRoot("/etc/anklume");
  const names = [
    ...new Set(
      probes.flatMap(({ from, to }) => [from, to])
        .filter((place) => place.kind === "machine").map(siteOf),
    ),
  ];
  const { results, faults } = await proveIsolation(probes, [
    ...names.map((machine) =>
      instanceSite(incus, { project: projectOf.get(machine) ?? "", machine, program, signal })
    ),
    ...(host ? [hostSite(program, signal)] : []),
  ], signal);
  const ms = performance.now() - began;
  const context = { infra, live, around, signal };
  const reasons = host ? await reasonsOf(results, context) : new Map();
  const limited = options.domains !== undefined;
  const rest = notProbed(infra, results, {
    running,
    limited,
    failed: new Set(faults.map(({ site }) => site)),
  });
  const asked = host ? await askInstead(rest.notProbed, context) : new Map();
  const verification = {
    project: infra.projectName,
    firewall: status.firewall.state,
    firewallDetail: status.firewall.detail,
    matrix: matrixOf(infra, results),
    folded: matrixOf(infra, results, true),
    results,
    breaches: status.breaches,
    ...optional({ strangers: status.strangers }),
    faults,
    notRunning: notRunning(scene),
    host,
    machines: names.length,
    ms,
    reasons,
    policiesProbed: rest.probed,
    notProbed: rest.notProbed.map((each) => ({ ...each, line: asked.get(each) })),
  };
  show(verificationView, verification, options, session);
  return isProven(verification) ? EXIT.done : EXIT.failed;
}

/** Most flows without a probe that are tested on the host's rules. */
const MOST_ASKED = 64;

/** Returns the decision of the host's rules on flows that could not be sent. */
async function askInstead(
  notProbed: readonly NotProbed[],
  context: NeedContext,
): Promise<Map<NotProbed, WhyLine>> {
  const able = notProbed.filter(({ need }) => need !== undefined).slice(0, MOST_ASKED);
  const lines = new Map<NotProbed, WhyLine>();
  try {
    const answers = await askNeeds(able.flatMap(({ need }) => need ?? []), context);
    able.forEach((each, i) => {
      const line = answers[i]?.line;
      if (line !== undefined) lines.set(each, line);
    });
  } catch (error) {
    if (!(error instanceof FirewallError) || error.fault !== "differs") throw error;
  }
  return lines;
}

/** Most pairs of each kind of difference that are explained by the live rules. */
const MOST_REASONS = 3;

/** Returns the explanation by the live rules of each flow that differs, one for each pair. */
async function reasonsOf(
  results: readonly Result[],
  context: RuleContext,
): Promise<Map<Result, WhyLine>> {
  const asked: { readonly result: Result; readonly question: TraceQuestion }[] = [];
  const pairs = new Map<Result["difference"], Set<string>>();
  for (const result of differences(results)) {
    const { from, to, address, source, protocol, port } = result.probe;
    const told = pairs.get(result.difference) ?? new Set();
    pairs.set(result.difference, told);
    const pair = `${placeText(from)} ${address}`;
    if (from.kind === "host" || told.size === MOST_REASONS || told.has(pair)) continue;
    told.add(pair);
    const sender = source ?? addressOf(from, address.includes(":"), context.live);
    if (sender === undefined) continue;
    const question: TraceQuestion = {
      from: { name: placeText(from), place: from, address: sender },
      to: { name: placeText(to), place: to, address },
      service: { protocol, port },
    };
    asked.push({ result, question });
  }
  try {
    const lines = await askRules(asked.map(({ question }) => question), context);
    return new Map(asked.flatMap(({ result }, i) => {
      const line = lines[i];
      return line === undefined ? [] : [[result, line] as const];
    }));
  } catch (error) {
    // There is no table at all: that has been reported already.
    if (!(error instanceof FirewallError) || error.fault !== "differs") throw error;
    return new Map();
  }
}

function addressOf(
  place: ProbePlace,
  six: boolean,
  { addressing }: Pick<Live, "addressing">,
): string | undefined {
  if (place.kind !== "machine") return undefined;
  const machine = addressing.machines.get(place.machine);
  return six ? machine?.ipv6 : machine?.ip;
}

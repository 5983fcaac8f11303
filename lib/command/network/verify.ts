import { optional } from "../../diag/optional.ts";
import { makeRoot } from "../../host/make_root.ts";
import type { IncusClient } from "../../incus/incus_client.ts";
import type { Infra } from "../../infra/infra.ts";
import { assertOnHost } from "../../live/host_side.ts";
import type { Live } from "../../live/open_live.ts";
import { createRunForecast, liveMachines } from "../../live/run_forecast.ts";
import { withLive } from "../../live/with_live.ts";
import { EXIT, type ExitStatus } from "../../session/exit_status.ts";
import type { Session } from "../../session/session.ts";
import { show } from "../../session/show.ts";
import { showConflicts } from "../../session/show_diagnostics.ts";
import { siteOf } from "../../verify/judge.ts";
import { matrixOf } from "../../verify/matrix.ts";
import { notProbed } from "../../verify/not_probed.ts";
import { notRunning, planProbes, type Scene } from "../../verify/plan_probes.ts";
import { hostSite, instanceSite, readProber } from "../../verify/sites.ts";
import { type Proof, proveIsolation } from "../../verify/verify.ts";
import { buildStatus } from "../../view/build_status.ts";
import { isProven, verificationView } from "../../view/verify.ts";
import { selectDomains } from "../../workspace/select_domains.ts";
import type { Workspace } from "../../workspace/load_workspace.ts";
import { withWorkspace } from "../../workspace/with_workspace.ts";
import { askInstead, reasonsOf } from "./ask_results.ts";
import { readSurroundings, type TraceSurroundings } from "./surroundings.ts";

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
  const { signal } = session;
  const { plan } = await createRunForecast(workspace, live, {});
  const status = buildStatus(infra, live.addressing, live.actual, plan);
  const around = await readSurroundings(infra, live.addressing, live.actual.resources, signal);
  const scene = sceneOf(infra, live, around);
  const { machines, results, faults } = await sendProbes(scene, options, live.incus, signal);
  const ms = performance.now() - began;
  const { host } = scene;
  const context = { infra, live, around, signal };
  const reasons = host ? await reasonsOf(results, context) : new Map();
  const rest = notProbed(infra, results, {
    running: scene.running,
    limited: options.domains !== undefined,
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
    machines,
    ms,
    reasons,
    policiesProbed: rest.probed,
    notProbed: rest.notProbed.map((each) => ({ ...each, line: asked.get(each) })),
  };
  await show(verificationView, verification, options, session);
  return isProven(verification) ? EXIT.done : EXIT.failed;
}

/** Returns what the probes depend on: who runs, and the host's surroundings. */
function sceneOf(infra: Infra, { addressing, actual }: Live, around: TraceSurroundings): Scene {
  const machines = liveMachines(actual);
  const running = new Set(
    [...projectsOf(infra)].filter(([name, project]) => machines.get(`${project}/${name}`)?.running)
      .map(([name]) => name),
  );
  const { outside, hostAddresses, otherGateways } = around;
  const host = actual.firewall.state !== "unknown";
  return { infra, addressing, running, hostAddresses, otherGateways, host, outside };
}

/** Returns the Incus project of each machine. */
function projectsOf({ domains }: Infra): ReadonlyMap<string, string> {
  return new Map(
    domains.flatMap((domain) => domain.machines.map(({ name }) => [name, domain.name] as const)),
  );
}

/** Sends the probes. `machines`: the number of those that took part. */
async function sendProbes(
  scene: Scene,
  { domains, full }: LiveVerifyOptions,
  incus: IncusClient,
  signal: AbortSignal,
): Promise<Proof & { readonly machines: number }> {
  const probes = planProbes(scene, {
    domains: domains === undefined ? undefined : new Set(domains),
    full: full ?? false,
  });
  const program = readProber();
  if (scene.host) await makeRoot("/etc/anklume");
  const places = probes.flatMap(({ from, to }) => [from, to]);
  const names = [
    ...new Set(places.filter((place) => place.kind === "machine").map(siteOf)),
  ];
  const projects = projectsOf(scene.infra);
  const proof = await proveIsolation(probes, [
    ...names.map((machine) =>
      instanceSite(incus, { project: projects.get(machine) ?? "", machine, program, signal })
    ),
    ...(scene.host ? [hostSite(program, signal)] : []),
  ], signal);
  return { ...proof, machines: names.length };
}

import { lookForAnsible } from "../../ansible/find_ansible.ts";
import { optional } from "../../diag/optional.ts";
import { PATIENCE_MS, runCommand } from "../../host/command.ts";
import { connectIncus } from "../../incus/incus_client.ts";
import { IncusUnreachableError } from "../../incus/incus_error.ts";
import { assertOnHost } from "../../live/host_side.ts";
import { type Live, openLive } from "../../live/open_live.ts";
import { requestTimeout } from "../../live/request_timeout.ts";
import { createRunForecast } from "../../live/run_forecast.ts";
import { checkNft, triedState } from "../../nftables/check_nft.ts";
import type { Finding } from "../../nftables/finding.ts";
import { checkHost } from "../../nftables/host_check.ts";
import { agree } from "../../session/confirm.ts";
import { EXIT, type ExitStatus } from "../../session/exit_status.ts";
import { describeFault } from "../../session/fault.ts";
import type { Session } from "../../session/session.ts";
import { show } from "../../session/show.ts";
import { commandText, findingsText, findingsView } from "../../view/doctor.ts";
import type { Workspace } from "../../workspace/load_workspace.ts";
import { withWorkspace } from "../../workspace/with_workspace.ts";
import { doorFindings, forwardFinding } from "./doors.ts";
import { doctorWishes, readHostFacts, readNftFacts } from "./read_host_facts.ts";

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
    const findings = await examine(workspace, session);
    // A program that reads JSON agrees to no commands.
    if (options.fix && !options.json) return await repair(findings, workspace, options, session);
    await show(findingsView, findings, options, session);
    return statusOf(findings);
  });
}

/** Repairs what can be repaired, then reports again. */
async function repair(
  before: readonly Finding[],
  workspace: Workspace,
  options: DoctorOptions,
  session: Session,
): Promise<ExitStatus> {
  const { terminal, out } = session;
  terminal.out(findingsText(before, out));
  let broken = before.filter(isFixable);
  if (broken.length === 0) {
    terminal.out("\nThere is nothing that anklume can fix by itself.\n");
    return statusOf(before);
  }
  let findings = before;
  // After the repair of one rule, another rule may drop the packet.
  const done = new Set<string>();
  while (broken.length > 0) {
    for (const finding of broken) {
      const answer = await mend(finding, options, session);
      if (answer !== EXIT.done) return answer;
      done.add(fixText(finding));
    }
    findings = await examine(workspace, session);
    broken = findings.filter((finding) => isFixable(finding) && !done.has(fixText(finding)));
  }
  terminal.out("\n");
  await show(findingsView, findings, options, session);
  return statusOf(findings);
}

function isFixable({ fix, state }: Finding): boolean {
  return fix !== undefined && state !== "ok";
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
  const { signal } = session;
  const incus = await examineIncus(signal);
  const ansible = await examineAnsible(workspace);
  const nftFacts = await readNftFacts(signal);
  const nft = checkNft(nftFacts);
  // Without Incus there is no host to read; without nft, no rendered ruleset to compare with.
  if (incus.state === "bad" || nft.state === "bad") return [incus, ansible, nft];
  await using live = await openLive(workspace, session);
  if (live === undefined) {
    const detail = "cannot work here as it is, see the error; the host was not checked for it";
    return [incus, ansible, { check: "infra", state: "bad", detail }];
  }
  const wishes = doctorWishes(workspace.infra);
  const facts = await readHostFacts(workspace, live, wishes, nftFacts, signal);
  const { plan } = await createRunForecast(workspace, live, {});
  return [
    incus,
    ansible,
    ...checkHost(facts, wishes),
    ...doorFindings(plan, live.ports),
    await forwardFinding(live.incus, standingBridges(live), signal),
  ];
}

/** Returns the domains' bridges that exist. */
function standingBridges({ addressing, actual }: Live): string[] {
  const stand = new Set(
    actual.resources.flatMap(({ kind, addr }) => kind === "network" ? [addr.name] : []),
  );
  const bridges = new Set([...addressing.domains.values()].map(({ bridge }) => bridge));
  return [...bridges].filter((name) => stand.has(name));
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

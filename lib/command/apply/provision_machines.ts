import { allSettled } from "../../incus/all_settled.ts";
import pLimit from "p-limit";
import { findAnsible } from "../../ansible/find_ansible.ts";
import { provision, type ProvisionReport } from "../../ansible/provision.ts";
import { PROVISIONED_KEY } from "../../ansible/provision_digest.ts";
import type { PlaybookOptions, RunProgram } from "../../ansible/run_playbook.ts";
import { missingRoles } from "../../ansible/render_tree.ts";
import { CommandError } from "../../host/command.ts";
import { readActualState } from "../../plan/read_actual_state.ts";
import type { IncusClient } from "../../incus/incus_client.ts";
import { programText } from "../../view/program_text.ts";
import { provisionView } from "../../view/provision.ts";
import { hang } from "../../view/text.ts";
import { count } from "../../view/number_text.ts";
import { EXIT, type ExitStatus } from "../../session/exit_status.ts";
import { adminRunner, findAdmin } from "./admin_runner.ts";
import type { Live } from "../../live/open_live.ts";
import type { RunForecast } from "../../live/run_forecast.ts";
import type { ProvisionNeed } from "../../ansible/provision_needs.ts";
import { inWorkspace, type Session } from "../../session/session.ts";
import { tell } from "../../session/show.ts";
import { showDiagnostics } from "../../session/show_diagnostics.ts";
import type { Workspace } from "../../workspace/load_workspace.ts";
import { optional } from "../../diag/optional.ts";

export interface ProvisionOptions {
  readonly tags?: string | undefined;
  readonly skipTags?: string | undefined;
  readonly verbose: number;
  readonly vaultPasswordFile?: string | undefined;
}

/**
 * Runs Ansible for the machines that need it and streams its output. Notes on each machine what it
 * was provisioned with.
 */
export async function provisionMachines(
  workspace: Workspace,
  live: Live,
  forecast: RunForecast,
  options: ProvisionOptions,
  session: Session,
): Promise<ExitStatus> {
  const { terminal, out, signal } = session;
  const { incus } = live;
  const machines = new Set(forecast.needs.map(({ machine }) => machine));
  const missing = missingRoles(workspace.infra, machines, forecast.tree.knownRoles);
  if (missing.length > 0) {
    showDiagnostics(missing, workspace.sources, session, NOTHING);
    return EXIT.failed;
  }
  const { ready, absent } = await sortByState(incus, forecast.needs, signal);
  for (const { machine } of absent) {
    terminal.err(`${out.colors.yellow("Not provisioned")}: ${machine} is not running.\n`);
  }
  if (ready.length === 0) return EXIT.failed;
  const place = await chooseAnsible(workspace, incus, live, session);
  if (place === undefined) return EXIT.failed;
  const where = place.through === undefined ? "" : ` through ${place.through}`;
  terminal.out(
    `\n${out.colors.bold(`Provisioning ${count(ready.length, "machine")}${where}`)}\n`,
  );
  const names = ready.map(({ machine }) => machine);
  const [tags, skipTags] = [words(options.tags), words(options.skipTags)];
  let report: ProvisionReport;
  try {
    report = await provision({
      limit: names,
      ...ansibleOutput(session),
      signal,
      tags,
      skipTags,
      verbosity: options.verbose,
      run: place.run,
      ...optional({
        vaultPasswordFile: options.vaultPasswordFile &&
          inWorkspace(options.vaultPasswordFile, session),
      }),
    });
  } catch (error) {
    if (!(error instanceof CommandError) || !await explainAnsible(workspace, session)) throw error;
    return EXIT.failed;
  }
  await noteProvisioned(incus, ready, report);
  const partial = tags.length + skipTags.length > 0;
  const outcome = { ...report, machines: names, partial };
  tell(provisionView, outcome, session);
  // This comes only after a failure: it would delay every run by a second.
  if (report.failed.length === names.length) await explainAnsible(workspace, session);
  if (report.status === "interrupted") return EXIT.interrupted;
  return report.status === "done" && absent.length === 0 ? EXIT.done : EXIT.failed;
}

/** Number of notes that the daemon writes at the same time. */
const NOTES_AT_ONCE = 4;

/** The machines themselves may just have been created. */
const NOTHING = "Nothing was provisioned.";

interface AnsiblePlace {
  /** undefined: on this host. */
  readonly run?: RunProgram;
  /** The admin container that is used instead. */
  readonly through?: string;
}

/**
 * Chooses the place of Ansible: this host or, if its Ansible is missing or unsuitable, an admin
 * container. undefined: neither, and the reason has been shown. Without an admin container there is
 * no check: it would delay every run by a second.
 */
async function chooseAnsible(
  workspace: Workspace,
  incus: IncusClient,
  { admin }: Live,
  session: Session,
): Promise<AnsiblePlace | undefined> {
  const { infra, sources } = workspace;
  const { terminal, out, signal } = session;
  if (admin.mounts === undefined || admin.self.size > 0) return {};
  const here = await findAnsible(infra.global.defaultConnection);
  if (here.kind === "found") return {};
  const state = await readActualState(incus, {}, { signal });
  const place = findAdmin(infra, state, admin.mounts.workspace);
  if (place === undefined) {
    showDiagnostics(here.diagnostics, sources, session);
    return undefined;
  }
  const run = adminRunner(incus, place);
  const there = await findAnsible(infra.global.defaultConnection, ".", run);
  if (there.kind === "found") {
    const text =
      `This host has no suitable Ansible. ${place.name} has ${there.version} and provisions instead.`;
    terminal.out(`${hang("", text, out.width)}\n`);
    return { run, through: place.name };
  }
  showDiagnostics(here.diagnostics, sources, session);
  const text =
    `The admin container ${place.name} has no suitable Ansible either. With a network: ` +
    `anklume exec ${place.name} -- apt-get install ansible incus-client. Without a network use an image ` +
    "that contains both, or provision it once from a host with Ansible.";
  terminal.err(`${hang("         ", text, out.width)}\n`);
  return undefined;
}

/** Explains what is wrong with this host's Ansible, if anything is. */
async function explainAnsible(workspace: Workspace, session: Session): Promise<boolean> {
  if (session.signal.aborted) return false;
  const found = await findAnsible(workspace.infra.global.defaultConnection);
  if (found.kind === "found") return false;
  showDiagnostics(found.diagnostics, workspace.sources, session, NOTHING);
  return true;
}

async function sortByState(
  incus: IncusClient,
  needs: readonly ProvisionNeed[],
  signal: AbortSignal,
): Promise<{ ready: ProvisionNeed[]; absent: ProvisionNeed[] }> {
  const instances = await incus.instances.list({ allProjects: true }, { signal });
  const running = new Set(
    instances.filter(({ status }) => status === "Running")
      .map(({ project, name }) => `${project}/${name}`),
  );
  const runs = ({ domain, machine }: ProvisionNeed) => running.has(`${domain}/${machine}`);
  return { ready: needs.filter(runs), absent: needs.filter((need) => !runs(need)) };
}

/**
 * Ansible never gets the terminal itself: its output contains text of machines. Only Ansible's own
 * colours pass.
 */
function ansibleOutput(
  { terminal, out, err, emit }: Session,
): Pick<PlaybookOptions, "output" | "colors" | "keyboard"> {
  const colors = emit === undefined && out.colors.isColorSupported && err.colors.isColorSupported;
  const streams = { stdout: programText(colors), stderr: programText(colors) };
  return {
    colors,
    keyboard: emit === undefined && terminal.interactive,
    output: (text, stream) => {
      const shown = streams[stream](text);
      if (stream === "stdout") terminal.out(shown);
      else terminal.err(shown);
    },
  };
}

async function noteProvisioned(
  { instances }: IncusClient,
  needs: readonly ProvisionNeed[],
  { succeeded }: ProvisionReport,
): Promise<void> {
  const limit = pLimit(NOTES_AT_ONCE);
  await allSettled(
    needs.filter(({ machine }) => succeeded.includes(machine)).map(({ domain, machine, digest }) =>
      limit(async () => {
        // A PATCH without a description clears it.
        const { value: { description, config }, etag } = await instances.get(domain, machine);
        if (config[PROVISIONED_KEY] === digest) return;
        const body = { description, config: { [PROVISIONED_KEY]: digest } };
        await instances.patch(domain, machine, body, { etag });
      })
    ),
  );
}

function words(tags: string | undefined): string[] {
  return (tags ?? "").split(",").map((tag) => tag.trim()).filter((tag) => tag !== "");
}

import { findAnsible } from "../ansible/find_ansible.ts";
import { provision, type ProvisionReport } from "../ansible/provision.ts";
import { PROVISIONED_KEY } from "../ansible/provision_digest.ts";
import { missingRoles } from "../ansible/render_tree.ts";
import type { CommandOptions } from "../host/command.ts";
import type { IncusClient } from "../incus/incus_client.ts";
import { count, hang, printable } from "../view/text.ts";
import { EXIT, type ExitStatus } from "./exit_status.ts";
import type { Outlook } from "./outlook.ts";
import type { ProvisionNeed } from "./provision_needs.ts";
import type { Session } from "./session.ts";
import { showDiagnostics } from "./show_diagnostics.ts";
import type { Workspace } from "./workspace.ts";

export interface ProvisionOptions {
  readonly tags?: string | undefined;
  readonly skipTags?: string | undefined;
  readonly verbose: number;
}

/** Runs Ansible for the machines that need it, its own output streamed, and notes on each what it was provisioned with. */
export async function provisionMachines(
  workspace: Workspace,
  incus: IncusClient,
  outlook: Outlook,
  options: ProvisionOptions,
  session: Session,
): Promise<ExitStatus> {
  const { terminal, out, signal } = session;
  const machines = new Set(outlook.needs.map(({ machine }) => machine));
  const missing = missingRoles(workspace.infra, machines, outlook.tree.knownRoles);
  if (missing.length > 0) {
    showDiagnostics(missing, workspace.sources, session);
    return EXIT.failed;
  }
  const found = await findAnsible(workspace.infra.global.defaultConnection);
  if (found.kind === "unfit") {
    showDiagnostics(found.diagnostics, workspace.sources, session);
    return EXIT.failed;
  }
  const { ready, absent } = await sortByState(incus, outlook.needs, signal);
  for (const { machine } of absent) {
    terminal.err(`${out.colors.yellow("Not provisioned")}: ${machine} does not run.\n`);
  }
  if (ready.length === 0) return EXIT.failed;
  const title = `Provisioning ${count(ready.length, "machine")} with Ansible ${found.version}`;
  terminal.out(`\n${out.colors.bold(title)}\n`);
  const report = await provision({
    limit: ready.map(({ machine }) => machine),
    output: ansibleOutput(session),
    signal,
    tags: words(options.tags),
    skipTags: words(options.skipTags),
    verbosity: options.verbose,
  });
  await noteProvisioned(incus, ready, report);
  terminal.out(provisionReport(report, ready.length, session));
  if (report.status === "interrupted") return EXIT.interrupted;
  return report.status === "done" && absent.length === 0 ? EXIT.done : EXIT.failed;
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

/** On a terminal Ansible gets it, colours and all; elsewhere its text goes through ours, which outlives its reader. */
function ansibleOutput({ terminal }: Session): NonNullable<CommandOptions["output"]> {
  if (terminal.outIsTerminal && terminal.errIsTerminal) return "inherit";
  return (text, stream) => stream === "stdout" ? terminal.out(text) : terminal.err(text);
}

async function noteProvisioned(
  incus: IncusClient,
  needs: readonly ProvisionNeed[],
  { succeeded }: ProvisionReport,
): Promise<void> {
  for (const { domain, machine, digest } of needs) {
    if (!succeeded.includes(machine)) continue;
    // A PATCH without a description empties it.
    const { value, etag } = await incus.instances.get(domain, machine);
    const config = { [PROVISIONED_KEY]: digest };
    await incus.instances.patch(domain, machine, { description: value.description, config }, {
      etag,
    });
  }
}

function provisionReport(report: ProvisionReport, wanted: number, { out }: Session): string {
  if (report.status === "done") return `Provisioned: ${count(wanted, "machine")}.\n`;
  const lines = [
    report.status === "interrupted"
      ? "Provisioning was interrupted."
      : out.colors.red(`Provisioning failed: ${report.failed.join(", ")}.`),
  ];
  // A role that rescues a failure to explain it fails twice: the explanation is the last.
  const last = new Map(report.failures.map((failure) => [failure.host, failure]));
  for (const { host, task, message } of last.values()) {
    lines.push(hang("  ", `${host}, ${printable(task)}: ${printable(message)}`, out.width));
  }
  if (report.stderr !== "") lines.push(report.stderr.trimEnd());
  lines.push("`anklume apply` provisions again what is not finished.");
  return `${lines.join("\n")}\n`;
}

function words(tags: string | undefined): string[] {
  return (tags ?? "").split(",").map((tag) => tag.trim()).filter((tag) => tag !== "");
}

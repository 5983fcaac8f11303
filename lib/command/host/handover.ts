import { answerRequests } from "../../handover/answer_requests.ts";
import { checkRuleset, refuseReach } from "../../handover/check_ruleset.ts";
import type { HostRequest } from "../../handover/message.ts";
import { RefusedRuleset } from "../../handover/refused_ruleset.ts";
import {
  type HandoverSite,
  type HandoverState,
  installUnits,
  readUnits,
  removeUnits,
  unitPath,
} from "../../handover/units.ts";
import { systemClock } from "../../host/clock.ts";
import { executablePath, workingDirectory } from "../../host/terminal.ts";
import { machinesOf } from "../../infra/infra.ts";
import { readTemplates } from "../../nftables/template.ts";
import { ADMIN_ROLE } from "../../resource/admin_devices.ts";
import { handoverView } from "../../view/handover.ts";
import { EXIT, type ExitStatus } from "../../session/exit_status.ts";
import { removeFirewall } from "../../live/host_firewall.ts";
import { readHostPlace, standingBridges } from "./read_host_place.ts";
import { assertOnHost, thisHost } from "../../live/host_side.ts";
import type { Session } from "../../session/session.ts";
import { show } from "../../session/show.ts";
import { UserError } from "../../session/user_error.ts";
import { loadWorkspace } from "../../workspace/load_workspace.ts";

/**
 * Installs the unit on this host that loads the ruleset which the admin container of this workspace
 * renders.
 */
export async function hostInstall(session: Session): Promise<ExitStatus> {
  const site = await readSite(session);
  if (site === undefined) return EXIT.wrongInput;
  const { terminal, err, out } = session;
  await installUnits(site);
  terminal.out(
    `This host now loads the firewall of ${out.colors.bold(site.project)} that the admin ` +
      "container sends, and nothing else.\n",
  );
  if (!site.hasAdmin) {
    terminal.err(
      `${err.colors.yellow("No machine has the role admin yet")}: see docs/isolation.md for what ` +
        "it may do.\n",
    );
  }
  return EXIT.done;
}

export async function hostStatus(
  options: { readonly json?: true },
  session: Session,
): Promise<ExitStatus> {
  const site = await readSite(session, options);
  if (site === undefined) return EXIT.wrongInput;
  const state = await readUnits(site);
  const listens = isListening(state);
  await show(handoverView, { site, state, listens }, options, session);
  return listens ? EXIT.done : EXIT.failed;
}

export async function hostUninstall(session: Session): Promise<ExitStatus> {
  const site = await readSite(session);
  if (site === undefined) return EXIT.wrongInput;
  const there = await removeUnits(site);
  session.terminal.out(
    there
      ? `This host no longer accepts anything from the admin container of ${site.project}.\n`
      : "Nothing was installed.\n",
  );
  return EXIT.done;
}

/**
 * The command of the unit. The infra whose rules it may change is named in the unit, which belongs
 * to root, not in the workspace.
 */
export async function hostAnswer(
  owner: { readonly project: string; readonly infra: string },
  { terminal, signal }: Session,
): Promise<ExitStatus> {
  const { project, infra: infraId } = owner;
  const carryOut = async (request: HostRequest): Promise<unknown> => {
    if (request.action === "look") return await thisHost.look(signal);
    if (!("ruleset" in request)) {
      const standing = standingBridges(await readHostPlace({ project, infraId }, signal), infraId);
      if (standing.length > 0) {
        throw new RefusedRuleset(
          `the rules stay as long as one of their bridges exists: ${
            standing.slice(0, 3).join(", ")
          }`,
        );
      }
      return await removeFirewall(project, infraId);
    }
    const ruleset = checkRuleset(request.ruleset, { project, infraId }, readTemplates());
    if (request.action === "load") {
      refuseReach(ruleset, await readHostPlace({ project, infraId }, signal));
      return await thisHost.port(ruleset).load();
    }
    const seen = await thisHost.firewall(ruleset, signal);
    // The admin container has no other way to learn that nft would refuse the ruleset.
    await thisHost.accepts(ruleset, signal);
    return seen;
  };
  for (const { action, outcome } of await answerRequests(carryOut, systemClock())) {
    terminal.out(`${action}: ${outcome}\n`);
  }
  return EXIT.done;
}

function isListening({ units, enabled, active, mailbox }: HandoverState): boolean {
  return units === "in-place" && mailbox && enabled === "enabled" &&
    (active === undefined || active === "active");
}

async function readSite(
  session: Session,
  options: { readonly json?: true } = {},
): Promise<HandoverSite & { readonly hasAdmin: boolean } | undefined> {
  const workspace = await loadWorkspace(session, options);
  if (workspace === undefined) return undefined;
  assertOnHost();
  const { infra, lock } = workspace;
  if (lock === undefined) {
    throw new UserError(
      "There is no infra.lock.yml yet, so this infra has no identity",
      "Run `anklume sync` or `anklume apply` first",
    );
  }
  const binary = executablePath();
  if (binary === undefined) {
    throw new UserError(
      "This anklume runs from source, but a unit on the host needs the compiled executable",
      "Run ./scripts/compile, then install anklume to /usr/local/bin",
    );
  }
  const place = workingDirectory();
  if (binary.startsWith(`${place}/`)) {
    throw new UserError(
      "anklume is in the workspace, where the admin container can write: root must not run it",
      "Install it outside, for example in /usr/local/bin, and run it from there",
    );
  }
  for (const path of [place, binary]) {
    try {
      unitPath(path);
    } catch {
      throw new UserError(
        `${path} has characters that a systemd unit would have to quote`,
        "Use a path of letters, digits and /._@:+-",
      );
    }
  }
  const hasAdmin = machinesOf(infra).some(({ roles }) => roles.includes(ADMIN_ROLE));
  return { project: infra.projectName, infraId: lock.infra, workspace: place, binary, hasAdmin };
}

import { LOCK_FILE } from "../../addressing/addressing.ts";
import type { SourceText } from "../../diag/source.ts";
import { readTextFileIfAny } from "../../host/workspace_file.ts";
import { writeFileAtomic } from "../../host/write_file.ts";
import { looksSecret } from "../../diag/secret.ts";
import { hideValues } from "../../infra/yaml/hide_values.ts";
import type { Infra } from "../../infra/infra.ts";
import { adoptTarget, planAdoptions } from "../../plan/adoption.ts";
import { createPlan } from "../../plan/create_plan.ts";
import { editAdoptions } from "../../plan/edit_adoptions.ts";
import { isSecretKey } from "../../resource/value.ts";
import { adoptDiff, adoptText } from "../../view/adopt.ts";
import { count } from "../../view/number_text.ts";
import { agree } from "../../session/confirm.ts";
import { EXIT, type ExitStatus } from "../../session/exit_status.ts";
import { domainNames, machineNames } from "../../live/find_machines.ts";
import { createRunForecast, desiredOn } from "../../live/run_forecast.ts";
import type { Session } from "../../session/session.ts";
import { showDiagnostics } from "../../session/show_diagnostics.ts";
import { unknownName } from "../../session/unknown_name.ts";
import { UserError } from "../../session/user_error.ts";
import { withWorkspace } from "../../workspace/with_workspace.ts";
import { withLive } from "../../live/with_live.ts";

interface AdoptOptions {
  readonly yes?: true;
}

/**
 * The opposite of apply: writes the live state of a machine or domain into `infra.yml`, after the
 * user has seen the diff.
 */
export async function adopt(
  name: string,
  options: AdoptOptions,
  session: Session,
): Promise<ExitStatus> {
  return await withWorkspace(session, { locks: true }, async (workspace) => {
    const target = adoptTarget(workspace.infra, name);
    if (target === undefined) {
      const { infra } = workspace;
      throw unknownName("machine or domain", name, [...machineNames(infra), ...domainNames(infra)]);
    }
    if (typeof target === "string") throw new UserError(target, "Edit infra.yml by hand");
    return await withLive(workspace, session, {}, async (live) => {
      const forecast = await createRunForecast(workspace, live, { domains: undefined });
      const wanted = planAdoptions(forecast.plan, forecast.desired, live.actual, target);
      const { terminal, out } = session;
      if (wanted.adoptions.length + wanted.left.length === 0) {
        terminal.out(`\`${name}\` already matches infra.yml: there is nothing to adopt.\n`);
        return EXIT.done;
      }
      // The lock is among the sources only for excerpts.
      const sources = workspace.sources.filter(({ file }) => file !== LOCK_FILE);
      // Adopting moves no machine: all addresses and the firewall stay the same.
      const planWith = (infra: Infra) => createPlan(desiredOn(live, infra), live.actual);
      const { infra } = workspace;
      const edited = editAdoptions({ sources, infra }, forecast.plan, wanted, planWith);
      terminal.out(adoptText(edited, out));
      if (edited.errors.length > 0) {
        showDiagnostics(edited.errors, edited.sources, session, "Nothing was written.");
        return EXIT.failed;
      }
      if (edited.adoptions.length === 0) {
        terminal.out("\nNothing was written: none of these values can be adopted.\n");
        return EXIT.failed;
      }
      const changed = edited.sources.flatMap((after, index) => {
        const before = sources[index]!;
        return before.text === after.text ? [] : [{ before, after }];
      });
      for (const { before, after } of changed) {
        const [old, now] = [withoutSecrets(before.text), withoutSecrets(after.text)];
        terminal.out(`\n${adoptDiff(after.file, old, now, out)}\n`);
      }
      const files = changed.map(({ after }) => after.file).join(", ");
      const refused = await agree(
        { question: `Write this into ${files}?`, untouched: "Nothing was written." },
        options,
        session,
      );
      if (refused !== undefined) return refused;
      if (session.signal.aborted) return EXIT.interrupted;
      for (const { before, after } of changed) await replace(before, after);
      terminal.out(`${files}: ${count(edited.adoptions.length, "value")} written.\n`);
      return EXIT.done;
    });
  });
}

/** Hides secrets; Ansible variables may hold passwords as well. */
function withoutSecrets(text: string): string {
  return hideValues(
    text,
    (path, value) =>
      path.some((each) => each === "vars" || isSecretKey(each)) || looksSecret(value),
  );
}

async function replace(before: SourceText, after: SourceText): Promise<void> {
  if (readTextFileIfAny(before.file) !== before.text) {
    throw new UserError(
      `${before.file} changed in the meantime: nothing was written`,
      "Run the same command again",
    );
  }
  await writeFileAtomic(after.file, after.text);
}

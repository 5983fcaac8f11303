import { hasUserContent } from "./file_check.ts";
import { explainDigest, provisionDigest, PROVISIONED_KEY } from "./provision_digest.ts";
import type { ProvisionFiles } from "./provision_files.ts";
import type { Infra } from "../infra/infra.ts";

/** A machine that has to be provisioned. */
export interface ProvisionNeed {
  readonly machine: string;
  readonly domain: string;
  /** The reasons, for people: `never provisioned`, `role base_system changed`. */
  readonly reasons: readonly string[];
  /** The digest that is written on the machine afterwards. */
  readonly digest: string;
}

/** The state of a live machine; by `<project>/<name>`. */
export interface SeenMachine {
  readonly running: boolean;
  readonly config: Readonly<Record<string, string>>;
}

interface ProvisionChoice {
  /** undefined: all domains. */
  readonly domains: readonly string[] | undefined;
  /** `--provision`: also if nothing changed. */
  readonly always: boolean;
  /** Machines whose root disk will be made anew, by `<project>/<name>`. */
  readonly anew: ReadonlySet<string>;
}

/**
 * Returns the machines that need provisioning, and why. A machine without roles needs none, unless
 * the user wrote plays: an infra without roles needs no Ansible. A machine that is not declared as
 * running is skipped unless it runs; a machine that does not exist yet counts as running. Pure.
 */
export function provisionNeeds(
  infra: Infra,
  files: ProvisionFiles,
  live: ReadonlyMap<string, SeenMachine>,
  choice: ProvisionChoice,
): ProvisionNeed[] {
  const needs: ProvisionNeed[] = [];
  const ownPlays = hasUserContent(files.get("site.yml")?.text ?? "");
  for (const domain of infra.domains) {
    if (!domain.enabled || choice.domains?.includes(domain.name) === false) continue;
    for (const machine of domain.machines) {
      if (machine.roles.length === 0 && !ownPlays && !choice.always) continue;
      const name = `${domain.name}/${machine.name}`;
      const found = live.get(name);
      const runs = machine.state === "running" || (found?.running ?? machine.state === "manual");
      if (!runs) continue;
      const digest = provisionDigest(infra, machine, domain, files);
      const before = choice.anew.has(name) ? undefined : found?.config[PROVISIONED_KEY];
      const reasons = explainDigest(before, digest);
      if (reasons.length === 0 && !choice.always) continue;
      needs.push({
        machine: machine.name,
        domain: domain.name,
        reasons: reasons.length === 0 ? ["you asked for it"] : reasons,
        digest,
      });
    }
  }
  return needs;
}

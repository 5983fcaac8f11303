import assert from "node:assert/strict";
import pc from "picocolors";
import { assignAddresses } from "../../lib/addressing/assign_addresses.ts";
import type { Infra } from "../../lib/infra/infra.ts";
import { parseInfra } from "../../lib/infra/parse_infra.ts";
import { appliedHost, emptyHost, INFRA_ID } from "../../lib/plan/_plan_fixture.ts";
import { createPlan } from "../../lib/plan/create_plan.ts";
import { desiredState } from "../../lib/plan/desired_state.ts";
import { matrixOf } from "../../lib/verify/matrix.ts";
import { planProbes } from "../../lib/verify/plan_probes.ts";
import { buildStatus } from "../../lib/view/build_status.ts";
import { diagnosticsText } from "../../lib/view/diagnostics.ts";
import { planText } from "../../lib/view/plan.ts";
import { provisionText } from "../../lib/view/provision.ts";
import { statusText } from "../../lib/view/status.ts";
import { verificationText } from "../../lib/view/verify.ts";
import { REPOSITORY } from "./golden.ts";

/**
 * The samples of the READMEs are what anklume prints today for the infra.yml that they show. On a
 * real Incus they were run once; here the host is a fixture.
 */
const style = { colors: pc.createColors(false), width: 80 };

/** The infra.yml of the sample with mistakes. */
const WITH_MISTAKES = `project_name: lab
domains:
  perso:
    machines: { perso-print: {} }
  pro:
    machines:
      pro-dev:
        roels: [base_system]
network_policies:
  - from: pro
    to: perso-prnt
    ports: [631]
`;

class Readme {
  readonly #text: string;

  constructor(path: string) {
    this.#text = Deno.readTextFileSync(REPOSITORY + path);
  }

  /** Returns the infra.yml that it shows. */
  infraText(): string {
    return /```yaml\n(.*?)```/s.exec(this.#text)?.[1] ?? "";
  }

  /** Returns the output that it shows for `anklume VERB`. */
  sample(verb: string): string {
    return this.#text.split(`\`\`\`\n# anklume ${verb}\n`)[1]?.split("```")[0] ?? "";
  }
}

for (const path of ["README.md", "README.fr.md"]) {
  const readme = new Readme(path);
  const { infra, diagnostics } = parseInfra([{ file: "infra.yml", text: readme.infraText() }]);

  Deno.test(`the infra.yml of ${path} is valid`, () => {
    assert.deepEqual(diagnostics, []);
    assert.ok(infra !== undefined);
  });
  if (infra === undefined) continue;
  const { addressing } = assignAddresses(infra, undefined, { newUuid: INFRA_ID });
  assert.ok(addressing !== undefined);
  const images = [{ fingerprint: "ab".repeat(32), aliases: ["debian-13"], type: "container" }];
  const firewall = { text: "", digest: "", tables: [] };
  const desired = desiredState(infra, addressing, { firewall });

  Deno.test(`the check of ${path} is what check prints`, () => {
    const plan = createPlan(desired, { ...emptyHost(), images });
    const needs = machinesWithRoles(infra).map((machine) => ({
      machine,
      reasons: ["never provisioned"],
    }));
    const text = planText(plan, style, { moreToDo: true }) + provisionText(needs, style);
    assert.equal(readme.sample("check"), text);
  });

  Deno.test(`the status of ${path} is what status prints`, () => {
    const actual = appliedHost(desired, { images });
    const status = buildStatus(infra, addressing, actual, createPlan(desired, actual));
    assert.equal(readme.sample("status"), statusText(status, style));
  });

  Deno.test(`the verification of ${path} is what network verify prints`, () => {
    const running = new Set(infra.domains.flatMap(({ machines }) => machines.map((m) => m.name)));
    const place = { kind: "outside", interface: "eth0", isOutside: true } as const;
    // The outside of a testbed, and what its host has beside the domains.
    const probes = planProbes({
      infra,
      addressing,
      running,
      hostAddresses: ["198.51.100.2", "172.17.0.1"],
      otherGateways: [],
      host: true,
      outside: [
        { ...place, address: "203.0.113.10", private: false },
        { ...place, address: "192.168.77.10", private: true },
      ],
    }, { full: false });
    const results = probes.map((probe) => ({
      probe,
      outcome: { arrived: false, answered: false, accepted: false, unsent: false },
      unknown: false,
    }));
    const matrix = matrixOf(infra, results);
    const text = verificationText({
      project: infra.projectName,
      firewall: "in-place",
      matrix,
      folded: matrix,
      results,
      breaches: [],
      faults: [],
      notRunning: [],
      host: true,
      machines: running.size,
      reasons: new Map(),
      policiesProbed: 1,
      notProbed: [],
      ms: 2_000,
    }, style);
    assert.equal(readme.sample("network verify"), text);
  });

  Deno.test(`the mistakes of ${path} are what validate prints`, () => {
    const sources = [{ file: "infra.yml", text: WITH_MISTAKES }];
    const wrong = parseInfra(sources).diagnostics;
    assert.equal(readme.sample("validate"), diagnosticsText(wrong, sources, style));
  });
}

function machinesWithRoles({ domains }: Infra): string[] {
  return domains.flatMap(({ machines }) => machines).filter(({ roles }) => roles.length > 0)
    .map(({ name }) => name);
}

import { FAMILIES } from "../../nftables/ruleset.ts";
import { expectedListing } from "../../nftables/read_back.ts";
import { listTable } from "../../nftables/run_nft.ts";
import { policyText } from "../../view/policy.ts";
import { rulesDiffView, rulesView } from "../../view/rules.ts";
import { EXIT, type ExitStatus } from "../../session/exit_status.ts";
import { assertOnHost } from "../../live/host_side.ts";
import type { Session } from "../../session/session.ts";
import { show } from "../../session/show.ts";
import { withWorkspace } from "../../workspace/with_workspace.ts";
import { withLive } from "../../live/with_live.ts";

interface RulesOptions {
  readonly diff?: true;
  readonly json?: true;
}

/** Prints the live ruleset, or its difference from the rendered one. */
export async function networkRules(options: RulesOptions, session: Session): Promise<ExitStatus> {
  assertOnHost();
  return await withWorkspace(session, options, async (workspace) => {
    return await withLive(workspace, session, options, async (live) => {
      const { infra } = workspace;
      const { ruleset, actual, addressing } = live;
      const { signal } = session;
      // Counters are for people who read the live rules, not for a comparison.
      const counters = !options.diff && !options.json;
      const tables = await Promise.all(
        FAMILIES.map((family) => listTable(family, ruleset.table, { signal, counters })),
      );
      const rules = {
        project: infra.projectName,
        state: actual.firewall.state,
        differences: actual.firewall.differences,
        domains: [...addressing.domains.values()].map(({ domain, bridge, subnet }) => ({
          domain,
          bridge,
          subnet,
        })),
        policies: infra.policies.map((policy) => ({
          id: policy.id,
          text: policyText(policy),
          place: `${policy.range.file}:${policy.range.start.line}`,
        })),
        tables: tables.map((text, i) => ({
          name: `${FAMILIES[i]} ${ruleset.table}`,
          text: text ?? "",
        })),
      };
      if (options.diff) {
        const expected = await expectedListing(ruleset, { signal });
        await show(rulesDiffView, { ...rules, expected }, options, session);
      } else await show(rulesView, rules, options, session);
      return rules.state === "in-place" ? EXIT.done : EXIT.failed;
    });
  });
}

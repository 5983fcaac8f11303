import { createHash } from "node:crypto";
import type { Addressing } from "../addressing/addressing.ts";
import type { Infra } from "../infra/infra.ts";
import { arpSets } from "./arp_table.ts";
import { bridgeSets } from "./bridge_table.ts";
import { type NftSet, setText } from "./element.ts";
import { inetSets } from "./inet_table.ts";
import { localReturns } from "./local_interface.ts";
import { nicsOf } from "./nic.ts";
import {
  FAMILIES,
  type Family,
  type LiveBridges,
  ownerComment,
  type Ruleset,
  tableName,
} from "./ruleset.ts";
import type { RuleTemplates } from "./template.ts";

/**
 * Renders the firewall of the whole infra, whatever domains an apply is limited to. Pure. Needs no
 * bridge to exist: the tables are loaded before the first machine starts. Throws if an address is
 * missing or a name is invalid, which an infra that passed `parseInfra` and `assignAddresses`
 * cannot cause.
 */
export function renderRuleset(
  declared: Infra,
  addressing: Addressing,
  live: LiveBridges,
  templates: RuleTemplates,
): Ruleset {
  // The order of declaration has no meaning, so moving a domain within infra.yml changes nothing.
  const infra = sorted(declared);
  const nics = nicsOf(infra, addressing);
  const text = rulesetText(
    { project: infra.projectName, infraId: addressing.infraId },
    {
      inet: inetSets(infra, addressing, live, nics),
      bridge: bridgeSets(infra, addressing, nics),
      arp: arpSets(infra, addressing, live, nics),
    },
    infra.global.outside !== undefined,
    templates,
  );
  return namedRuleset(infra.projectName, addressing.infraId, text);
}

/** Returns the ruleset of a text. */
export function namedRuleset(project: string, infraId: string, text: string): Ruleset {
  const table = tableName(project);
  return {
    project,
    infraId,
    table,
    tables: FAMILIES.map((family) => `${family} ${table}`),
    text,
    digest: createHash("sha256").update(text).digest("hex"),
  };
}

/** The sets of each table, in the order in which they are written. */
type RulesetSets = Readonly<Record<Family, readonly NftSet[]>>;

/** Returns the text of these sets. `byHand`: the outside is only the interfaces of the set. */
export function rulesetText(
  { project, infraId }: Pick<Ruleset, "project" | "infraId">,
  sets: RulesetSets,
  byHand: boolean,
  templates: RuleTemplates,
): string {
  const table = tableName(project);
  // If named by hand, the outside is only these interfaces; otherwise all that are not local.
  const placeholders: Record<string, string> = {
    FROM_LOCAL: localReturns("iif").join("\n\t\t"),
    TO_LOCAL: localReturns("oif").join("\n\t\t"),
    OTHER_INTERFACES: byHand ? "return" : "accept",
    OTHER_PUBLISH: byHand ? "return" : "goto publish",
    OTHER_MASQUERADE: byHand ? "return" : "goto share",
  };
  const rules = (text: string) =>
    text.replaceAll(/@@(\w+)@@/g, (_, name: string) => placeholders[name] ?? "");
  return [
    `# Firewall of the infra "${project}", made by anklume: changes by hand are drift.`,
    ...FAMILIES.map((family) =>
      replaceTable(family, table, infraId, sets[family], rules(templates[family]))
    ),
  ].join("\n");
}

function sorted(infra: Infra): Infra {
  const byName = (a: { readonly name: string }, b: { readonly name: string }) =>
    a.name < b.name ? -1 : 1;
  const domains = infra.domains.toSorted(byName)
    .map((domain) => ({ ...domain, machines: domain.machines.toSorted(byName) }));
  return { ...infra, domains };
}

/**
 * Returns the text that replaces a table. The table is declared first, so that it can be deleted
 * whether it existed or not; all in one transaction of `nft -f`.
 */
function replaceTable(
  family: string,
  table: string,
  infraId: string,
  sets: readonly NftSet[],
  rules: string,
): string {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(infraId)) {
    throw new TypeError(`Not a UUID: ${JSON.stringify(infraId)}`);
  }
  return [
    `table ${family} ${table} {`,
    `}`,
    `delete table ${family} ${table}`,
    `table ${family} ${table} {`,
    `\tcomment "${ownerComment(infraId)}"`,
    ...sets.map((set) => `\n${setText(set)}`),
    "",
    rules.trimEnd(),
    "}",
    "",
  ].join("\n");
}

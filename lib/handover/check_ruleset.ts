import type { Addressing } from "../addressing/addressing.ts";
import type { Infra } from "../infra/infra.ts";
import { arpSets } from "../nftables/arp_table.ts";
import { bridgeSets } from "../nftables/bridge_table.ts";
import type { NftSet } from "../nftables/element.ts";
import { inetSets } from "../nftables/inet_table.ts";
import { namedRuleset, rulesetText } from "../nftables/render_ruleset.ts";
import { FAMILIES, type Family, type LiveBridges, type Ruleset } from "../nftables/ruleset.ts";
import type { RuleTemplates } from "../nftables/template.ts";
import { elementShape } from "./element_shape.ts";
import { forgottenBridges, unsafeElements } from "./element_reach.ts";
import type { HostPlace } from "./host_place.ts";
import { readElements } from "./read_elements.ts";
import { RefusedRuleset } from "./refused_ruleset.ts";

/** A ruleset of 250 domains with 1,000 machines has half of this size. */
const MAX_RULESET_BYTES = 4 * 1024 * 1024;
const MAX_SET_ELEMENTS = 50_000;

/**
 * Checks that a text is a ruleset that our renderer could have written for this infra. The rules
 * are the same for each infra, so only the elements of the known sets are read. Then the whole text
 * is rendered again from these elements and has to be the same, byte for byte. So no part of the
 * text can mean one thing to this parser and another to nft.
 *
 * @throws RefusedRuleset
 */
export function checkRuleset(
  text: string,
  { project, infraId }: Pick<Ruleset, "project" | "infraId">,
  templates: RuleTemplates,
): CheckedRuleset {
  if (new TextEncoder().encode(text).length > MAX_RULESET_BYTES) {
    throw new RefusedRuleset(`it is larger than ${MAX_RULESET_BYTES} bytes`);
  }
  const elements = readElements(text);
  const sets = Object.fromEntries(
    FAMILIES.map((family) => [
      family,
      KNOWN_SETS[family].map((set) => filled(set, elements.get(`${family} ${set.name}`) ?? [])),
    ]),
  ) as Record<Family, NftSet[]>;
  const known = new Set(
    FAMILIES.flatMap((family) => KNOWN_SETS[family].map(({ name }) => `${family} ${name}`)),
  );
  for (const name of elements.keys()) {
    if (!known.has(name)) throw new RefusedRuleset(`the ruleset of this host has no set "${name}"`);
  }
  const owner = { project, infraId };
  const ours = [false, true].map((byHand) => rulesetText(owner, sets, byHand, templates));
  if (!ours.includes(text)) {
    throw new RefusedRuleset(
      `it is not what is rendered for "${project}": ${firstOdd(text, ours)}`,
    );
  }
  return { ...namedRuleset(project, infraId, text), sets };
}

/** A ruleset of the right form, with its elements. */
interface CheckedRuleset extends Ruleset {
  readonly sets: Readonly<Record<Family, readonly NftSet[]>>;
}

/**
 * Compares the elements of a ruleset with the state of the host. Reading rules does not need this
 * check, loading them does.
 *
 * @throws RefusedRuleset if the rules would reach beyond the infra, or leave a part of it open
 */
export function refuseReach({ sets, infraId }: CheckedRuleset, place: HostPlace): void {
  const unsafe = [
    ...forgottenBridges(sets, infraId, place),
    ...unsafeElements(sets, infraId, place),
  ];
  if (unsafe.length > 0) throw new RefusedRuleset(unsafe.slice(0, 3).join("; "));
}

const NOTHING_LIVE: LiveBridges = { orphanBridges: [], localUplinks: [], interfaces: [] };

/**
 * The sets of an infra without domains: their names, types, and the elements that are the same in
 * each infra.
 */
export const KNOWN_SETS: Readonly<Record<Family, readonly NftSet[]>> = {
  inet: inetSets(emptyInfra(), emptyAddressing(), NOTHING_LIVE, []),
  bridge: bridgeSets(emptyInfra(), emptyAddressing(), []),
  arp: arpSets(emptyInfra(), emptyAddressing(), NOTHING_LIVE, []),
};

function emptyInfra(): Infra {
  return {
    projectName: "empty",
    global: { ipv6: false },
    domains: [],
    policies: [],
    copies: new Map(),
  } as unknown as Infra;
}

function emptyAddressing(): Addressing {
  return { infraId: "", domains: new Map(), machines: new Map(), freed: [] };
}

function filled(set: NftSet, elements: readonly string[]): NftSet {
  if (elements.length > MAX_SET_ELEMENTS) {
    throw new RefusedRuleset(`the set "${set.name}" has more than ${MAX_SET_ELEMENTS} elements`);
  }
  // The workspace does not decide the elements that each infra has. In some sets the infra's own
  // follow them.
  const own = elements.slice(set.elements.length);
  const shape = elementShape(set);
  const odd = own.find((element) => !shape.test(element));
  if (odd !== undefined) {
    throw new RefusedRuleset(
      `${JSON.stringify(odd.slice(0, 80))} is not an element of "${set.name}"`,
    );
  }
  return { ...set, elements: [...set.elements, ...own] };
}

/** Returns the first line that differs, for people. */
function firstOdd(text: string, ours: readonly string[]): string {
  const lines = text.split("\n");
  const places = ours.map((own) => {
    const expected = own.split("\n");
    const at = lines.findIndex((line, index) => line !== expected[index]);
    return at === -1 ? lines.length : at;
  });
  const at = Math.max(...places);
  return `line ${at + 1}: ${JSON.stringify((lines[at] ?? "").trim().slice(0, 80))}`;
}

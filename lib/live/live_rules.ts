import type { Addressing } from "../addressing/addressing.ts";
import type { Infra } from "../infra/infra.ts";
import { renderRuleset } from "../nftables/render_ruleset.ts";
import type { Ruleset } from "../nftables/ruleset.ts";
import type { RuleTemplates } from "../nftables/template.ts";
import type { ActualFirewall } from "../plan/actual_state.ts";
import type { SeenNetworks } from "./host_networks.ts";

/** What the rules depend on that is known before Incus has listed its networks. */
interface RuleFacts {
  readonly infra: Infra;
  readonly addressing: Addressing;
  readonly surroundings: SeenNetworks;
  readonly templates: RuleTemplates;
}

/** What Incus's networks add to it. */
interface BridgeFacts {
  /** Bridges of this infra whose domains are no longer declared: they stay walled off. */
  readonly orphanBridges: readonly string[];
  /** Domains whose addresses the host may still use. */
  readonly unclaimed: ReadonlySet<string>;
}

/** The ruleset of this infra on this host, and its variants. */
export interface SettledRules {
  readonly ruleset: Ruleset;
  /** It is the one that was rendered without waiting. */
  readonly isLikely: boolean;
  /** The live rules, compared with it. */
  readonly firewall: Promise<ActualFirewall>;
  /** Returns the ruleset after these bridges are deleted. */
  without(bridges: ReadonlySet<string>): Ruleset;
  /** Returns the ruleset of another infra.yml with the same addresses. */
  of(infra: Infra): Ruleset;
}

/**
 * Renders the rules, and has them compared with the live ones, without waiting for Incus's
 * networks: as if there were no orphan bridge and no domain in conflict, which are rare.
 */
export class LiveRules {
  readonly likely: Ruleset;
  readonly #facts: RuleFacts;
  readonly #compare: (ruleset: Ruleset) => Promise<ActualFirewall>;
  readonly #compared: Promise<ActualFirewall>;

  /** @param compare begins to compare a ruleset with the live one */
  constructor(facts: RuleFacts, compare: (ruleset: Ruleset) => Promise<ActualFirewall>) {
    this.#facts = facts;
    this.#compare = compare;
    this.likely = this.#render({ orphanBridges: [], unclaimed: new Set() });
    this.#compared = compare(this.likely);
  }

  /** Returns the final rules, which are compared anew if they are not the likely ones. */
  settle(bridges: BridgeFacts): SettledRules {
    const { orphanBridges, unclaimed } = bridges;
    const isLikely = orphanBridges.length === 0 && unclaimed.size === 0;
    const ruleset = isLikely ? this.likely : this.#render(bridges);
    return {
      ruleset,
      isLikely,
      firewall: isLikely ? this.#compared : this.#compare(ruleset),
      without: (gone) => {
        const { interfaces } = this.#facts.surroundings;
        return this.#render({
          unclaimed,
          orphanBridges: orphanBridges.filter((bridge) => !gone.has(bridge)),
          // They were read before these bridges were deleted: the bridges would count as another's
          // interfaces in the domain's subnet.
          interfaces: interfaces.filter(({ name }) => !gone.has(name)),
        });
      },
      of: (infra) => this.#render({ ...bridges, infra }),
    };
  }

  #render(
    { infra, interfaces, ...bridges }:
      & BridgeFacts
      & Partial<Pick<RuleFacts, "infra">>
      & Partial<Pick<SeenNetworks, "interfaces">>,
  ): Ruleset {
    const { addressing, surroundings, templates } = this.#facts;
    return renderRuleset(infra ?? this.#facts.infra, addressing, {
      ...bridges,
      localUplinks: surroundings.localUplinks,
      interfaces: interfaces ?? surroundings.interfaces,
    }, templates);
  }
}

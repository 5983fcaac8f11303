import { CommandError } from "../host/command.ts";
import { bridgeDifferences, bridgesOf } from "./bridge_setting.ts";
import { FirewallError } from "./firewall_error.ts";
import { tableOwnerOf } from "./table_owner.ts";
import { compareListings } from "./listing.ts";
import { FAMILIES, type Ruleset } from "./ruleset.ts";
import { firewallError, listTable, type NftOptions, runNft } from "./run_nft.ts";

/** What stands on the host, against what was rendered. */
export interface ReadBack {
  /** `missing`: a table is not there, the domains stand open. `unknown`: reading needs root. */
  readonly state: "in-place" | "missing" | "different" | "unknown";
  /** One line each, for people. */
  readonly differences: readonly string[];
  /** The tables of this name are somebody else's: neither replaced nor removed. */
  readonly foreign?: true;
}

/**
 * Loads the ruleset into a network namespace of its own, so that the kernel itself says what it amounts to, and lists
 * the families one after the other.
 */
const EXPECT = ["nft -f -", ...FAMILIES.map((family) => `nft -s list table ${family} "$1"`)]
  .join(" && ");

/**
 * Compares the live tables with the rendered ones as nft lists both, counters left out, and the bridges that they name with how a
 * bridge of ours is set. Whether nft would take a ruleset whose tables are missing is not waited for: `expectedListing` tells.
 * @throws FirewallError where nft is missing or refuses the ruleset
 */
export async function readBack(
  ruleset: Ruleset,
  { tablesOnly = false, ...options }: NftOptions & {
    /** Whatever the bridges are set to. */
    readonly tablesOnly?: boolean;
  } = {},
): Promise<ReadBack> {
  const expected = expectedListing(ruleset, options);
  const bridges = tablesOnly ? Promise.resolve([]) : bridgeDifferences(bridgesOf(ruleset), options);
  expected.catch(() => {});
  bridges.catch(() => {});
  try {
    const live = await Promise.all(
      FAMILIES.map((family) => listTable(family, ruleset.table, options)),
    );
    const strangers = FAMILIES.filter((_, i) => isForeign(live[i], ruleset))
      .map((family) => `the table "${family} ${ruleset.table}" is not this infra's`);
    if (strangers.length > 0) return { state: "different", differences: strangers, foreign: true };
    const missing = FAMILIES.filter((_, i) => live[i] === undefined);
    const absent = missing.map((family) => `the table "${family} ${ruleset.table}" is not loaded`);
    // An older anklume had no table `arp`: without it alone nothing stands open.
    if (missing.some((family) => family !== "arp")) {
      return { state: "missing", differences: absent };
    }
    const differences = absent.length > 0
      ? absent
      : [...compareListings(await expected, live.join("")), ...await bridges];
    return { state: differences.length === 0 ? "in-place" : "different", differences };
  } catch (error) {
    if (error instanceof FirewallError && error.fault === "not-permitted") {
      return { state: "unknown", differences: ["reading the firewall needs root"] };
    }
    throw error;
  }
}

function isForeign(listing: string | undefined, { infraId }: Ruleset): boolean {
  if (listing === undefined) return false;
  const owner = tableOwnerOf(listing);
  return owner.kind !== "infra" || owner.infraId !== infraId;
}

const listings = new WeakMap<Ruleset, Promise<string>>();

/**
 * What the rendered tables amount to, as nft lists them: 0.1 s, once a run. Kept in a file it could be old, or somebody's.
 * @throws FirewallError where nft is missing or refuses the ruleset
 */
export function expectedListing(ruleset: Ruleset, options: NftOptions = {}): Promise<string> {
  const known = listings.get(ruleset);
  if (known !== undefined) {
    return known.catch((error) => {
      // Somebody else's Ctrl-C: who loads rules goes on to the end.
      if (!isInterrupt(error) || options.signal?.aborted) throw error;
      return expectedListing(ruleset, options);
    });
  }
  const listing = listInNamespace(ruleset, options);
  listings.set(ruleset, listing);
  // Who asked is told; whoever asks later may have better luck.
  listing.catch(() => listings.delete(ruleset));
  return listing;
}

function isInterrupt(error: unknown): boolean {
  return error instanceof CommandError && error.reason === "interrupted";
}

async function listInNamespace(ruleset: Ruleset, options: NftOptions): Promise<string> {
  try {
    return await runNft(["unshare", "--net", "sh", "-c", EXPECT, "sh", ruleset.table], {
      ...options,
      stdin: ruleset.text,
    });
  } catch (error) {
    throw firewallError(`Cannot tell what the firewall of "${ruleset.project}" should be`, error);
  }
}

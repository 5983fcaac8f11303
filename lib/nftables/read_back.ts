import { CommandError } from "../host/command.ts";
import { bridgeDifferences, bridgesOf } from "./bridge_setting.ts";
import { FirewallError } from "./firewall_error.ts";
import { tableOwnerOf } from "./table_owner.ts";
import { compareListings } from "./listing.ts";
import { FAMILIES, type Ruleset } from "./ruleset.ts";
import { firewallError, listTable, type NftOptions, runNft } from "./run_nft.ts";

/** The live tables, compared with the rendered ones. */
interface ReadBack {
  /** `missing`: a table is not loaded, the domains are open. `unknown`: reading needs root. */
  readonly state: "in-place" | "missing" | "different" | "unknown";
  /** One line each, for people. */
  readonly differences: readonly string[];
  /** The tables of this name belong to another owner: they are neither replaced nor removed. */
  readonly foreign?: true;
}

/**
 * Loads the ruleset into a network namespace of its own, so that the kernel itself shows the
 * result, and lists the families one after the other.
 */
const EXPECT = ["nft -f -", ...FAMILIES.map((family) => `nft -s list table ${family} "$1"`)]
  .join(" && ");

/**
 * Compares the live tables with the rendered ones as nft lists both, without counters, and the
 * settings of the bridges they name. If a table is missing, the result does not wait for nft to
 * accept the ruleset: `expectedListing` does that.
 * @throws FirewallError if nft is missing or refuses the ruleset
 */
export async function readBack(
  ruleset: Ruleset,
  { tablesOnly = false, ...options }: NftOptions & {
    /** Do not check the settings of the bridges. */
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
    // An older anklume had no table `arp`: nothing is open if only that one is missing.
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
 * Returns the rendered tables as nft lists them: takes 0.1 s, once a run. Not cached in a file,
 * which could be old or changed by somebody.
 * @throws FirewallError if nft is missing or refuses the ruleset
 */
export function expectedListing(ruleset: Ruleset, options: NftOptions = {}): Promise<string> {
  const known = listings.get(ruleset);
  if (known !== undefined) {
    return known.catch((error) => {
      // Another caller was interrupted, this one was not: loading rules must go on to the end.
      if (!isInterrupt(error) || options.signal?.aborted) throw error;
      return expectedListing(ruleset, options);
    });
  }
  const listing = listInNamespace(ruleset, options);
  listings.set(ruleset, listing);
  // The present caller gets the error; a later call tries again.
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
    throw firewallError(
      `Cannot find out what the firewall of "${ruleset.project}" should be`,
      error,
    );
  }
}

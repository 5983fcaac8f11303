/**
 * All checks of the ruleset of `_everything.ts` by packets and frames: they pass with the whole
 * ruleset, and at least one fails for each mutant (scripts/check/mutate_ruleset.ts).
 */
import { type Check, CONNECTION_CHECKS } from "./_connections.ts";
import { ERROR_CHECKS } from "./_errors.ts";
import { FORGERY_CHECKS } from "./_forgery.ts";
import type { Lab } from "./_lab.ts";
import { NEIGHBOUR_CHECKS } from "./_neighbours.ts";
import { ONE_WAY_CHECKS } from "./_one_way.ts";
import { PORT_SHADOWING_CHECKS } from "./_port_shadowing.ts";
import { PRIVATE_RANGE_CHECKS } from "./_private_ranges.ts";
import { PROTOCOL_CHECKS } from "./_protocols.ts";
import { RESERVED_CHECKS } from "./_reserved.ts";
import { SPOOFING_CHECKS } from "./_spoofing.ts";
import { TO_HOST_CHECKS } from "./_to_host.ts";
import { WHEREABOUTS_CHECKS } from "./_whereabouts.ts";

/**
 * Checks by hand-made frames, to be run one after the other: each returns its failures, as text.
 */
export const FRAME_CHECKS: readonly ((lab: Lab) => Promise<string[]>)[] = [
  ...FORGERY_CHECKS,
  ...RESERVED_CHECKS,
  ...SPOOFING_CHECKS,
  ...NEIGHBOUR_CHECKS,
  ...PROTOCOL_CHECKS,
  ...ERROR_CHECKS,
  ...ONE_WAY_CHECKS,
  ...TO_HOST_CHECKS,
  ...PRIVATE_RANGE_CHECKS,
  ...PORT_SHADOWING_CHECKS,
  ...WHEREABOUTS_CHECKS,
];

/** Returns the connection checks that fail. */
export async function failedConnections(lab: Lab): Promise<Check[]> {
  const failed = await Promise.all(
    CONNECTION_CHECKS.map(async (check) => (await check.holds(lab)) ? [] : [check]),
  );
  return failed.flat();
}

async function failures(lab: Lab): Promise<string[]> {
  const found = (await failedConnections(lab)).map(({ name }) => name);
  for (const check of FRAME_CHECKS) found.push(...await check(lab));
  return found;
}

/** Returns all lasting failures, as text: the first packets still look for their neighbours. */
export async function lastingFailures(lab: Lab): Promise<string[]> {
  const first = await failures(lab);
  return first.length === 0 ? first : await failures(lab);
}

import type { Live } from "../../live/open_live.ts";
import type { Plan } from "../../plan/plan.ts";
import type { Session } from "../../session/session.ts";
import { removeStandIns, standInNames } from "../../snapshot/stand_in.ts";
import { anyLeftFrozen } from "../../snapshot/thaw.ts";

/**
 * Waits for what a killed run had asked of the daemon: a machine that is being moved stands in two places, and must not be taken
 * for an orphan in one of them. Incus is asked only where a plan takes something away.
 *
 * @returns whether there was something to wait for: the host has to be read again
 */
export async function waitForKilledRun(
  plan: Plan,
  { incus }: Live,
  { signal }: Session,
): Promise<boolean> {
  const twins = new Set(
    plan.orphans.filter(({ addr }) => addr.kind === "instance").map(({ addr }) => addr.name),
  );
  const risky = plan.changes.filter(({ addr, action, from, moves, aside }) =>
    (addr.kind === "instance" || addr.kind === "volume") &&
    (action === "delete" || action === "replace" || from !== undefined || moves !== undefined ||
      aside !== undefined || twins.has(addr.name))
  );
  if (risky.length === 0) return false;
  const places = risky.flatMap(({ addr, from }) => [addr.project, from?.project]);
  return await incus.waitForOperations(
    new Set(places.filter((place) => place !== undefined)),
    signal,
  );
}

/**
 * Ends what interrupted runs left, aloud: machines that a snapshot froze, and where it may, networks of a restore.
 * @returns whether the plan has to be made anew
 */
export async function endLeftovers(
  live: Live,
  mayReplan: boolean,
  session: Session,
): Promise<boolean> {
  const { actual: { resources }, incus, owner } = live;
  const frozen = anyLeftFrozen(resources);
  const standIns = mayReplan ? standInNames(owner, resources) : [];
  if (!frozen && standIns.length === 0) return false;
  // Nothing is touched where nft refuses the rules.
  await live.accepted();
  const gone = standIns.length === 0 ? [] : await removeStandIns(incus, owner, resources, standIns);
  for (const name of gone) {
    session.terminal.out(`Removed the network ${name}, which an interrupted restore had left.\n`);
  }
  if (frozen && gone.length === 0 && isWalled(live)) await thaw(live, session);
  return gone.length > 0;
}

/** Machines that an interrupted snapshot froze waited for the firewall, which did not stand when it was read. */
export async function thawAfterFirewall(live: Live, session: Session): Promise<void> {
  if (!isWalled(live) && anyLeftFrozen(live.actual.resources)) await thaw(live, session);
}

function isWalled({ actual: { firewall } }: Live): boolean {
  return firewall.state === "in-place";
}

async function thaw(live: Live, session: Session): Promise<void> {
  const { thawLeftFrozen } = await import("./apply_snapshot.ts");
  await thawLeftFrozen(live, session);
}

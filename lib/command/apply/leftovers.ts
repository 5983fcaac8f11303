import type { Live } from "../../live/open_live.ts";
import type { Plan } from "../../plan/plan.ts";
import type { Session } from "../../session/session.ts";
import { removeStandIns, standInNames } from "../../snapshot/stand_in.ts";
import { anyLeftFrozen } from "../../snapshot/thaw.ts";

/**
 * Waits for requests of a killed run that the daemon still carries out: a machine that is being
 * moved exists in two places, and neither may be treated as an orphan. It asks Incus only if a plan
 * removes something.
 *
 * @returns true if there was something to wait for: the host must be read again
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
 * Cleans up after interrupted runs, with messages: thaws machines that a snapshot froze and, with
 * `mayReplan`, removes networks of a restore.
 * @returns true if a new plan is needed
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
  // Nothing is changed if nft refuses the rules.
  await live.accepted();
  const gone = standIns.length === 0 ? [] : await removeStandIns(incus, owner, resources, standIns);
  for (const name of gone) {
    session.terminal.out(`Removed the network ${name}, which an interrupted restore had left.\n`);
  }
  if (frozen && gone.length === 0 && isWalled(live)) await thaw(live, session);
  return gone.length > 0;
}

/**
 * Thaws machines that an interrupted snapshot froze, if the firewall was not in place when it was
 * read: they waited for it.
 */
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

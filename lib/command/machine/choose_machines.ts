import type { PlacedMachine } from "../../infra/infra.ts";
import { findLive, type FoundMachine } from "../../live/find_machines.ts";
import type { Live } from "../../live/open_live.ts";
import type { Session } from "../../session/session.ts";
import { UserError } from "../../session/user_error.ts";
import { hang } from "../../view/text.ts";
import type { Workspace } from "../../workspace/load_workspace.ts";
import { paintedName } from "./painted_name.ts";

export type PowerAction = "start" | "stop" | "restart";

/** The machines of one start, stop or restart. */
interface ChosenMachines {
  readonly machines: readonly FoundMachine[];
  /** Requested machines that cannot be started on this host as it is; the reason has been shown. */
  readonly leftOut: readonly FoundMachine[];
}

/**
 * Finds the machines for an action: with names, all named ones; without names, those for which the
 * action makes sense.
 *
 * @throws UserError if a named machine is not on the host, cannot work on it, or runs this anklume;
 * nothing was changed
 */
export async function chooseMachines(
  action: PowerAction,
  names: readonly string[],
  places: readonly PlacedMachine[],
  { workspace, live }: { readonly workspace: Workspace; readonly live: Live },
  session: Session,
): Promise<ChosenMachines> {
  const wanted = await findWanted(action, names, places, { workspace, live }, session);
  if (action !== "start") refuseOwnMachine(action, wanted, live);
  return action === "stop"
    ? { machines: wanted, leftOut: [] }
    : leaveConflictsOut(action, names, wanted, live, session);
}

export function isStopped({ instance }: FoundMachine): boolean {
  return instance.status === "Stopped";
}

async function findWanted(
  action: PowerAction,
  names: readonly string[],
  places: readonly PlacedMachine[],
  { workspace, live }: { readonly workspace: Workspace; readonly live: Live },
  session: Session,
): Promise<FoundMachine[]> {
  const found = await findLive(live.incus, workspace, places, session.signal);
  if (names.length === 0) {
    return found.live.filter((place) =>
      action === "start"
        ? !isRunning(place) && place.machine.state !== "stopped" && place.domain.enabled
        : isRunning(place)
    );
  }
  if (found.absent.length > 0) {
    const absent = found.absent.map(({ machine }) => machine.name);
    throw new UserError(
      `Not on this host yet: ${absent.join(", ")}; nothing was changed`,
      "`anklume apply` creates what infra.yml declares",
    );
  }
  const already = found.live.filter((place) =>
    action === "start" ? isRunning(place) : action === "stop" && isStopped(place)
  );
  for (const place of already) {
    const state = action === "start" ? "runs already" : "is stopped already";
    session.terminal.out(`${paintedName(place, session)} ${state}\n`);
  }
  return found.live.filter((place) => !already.includes(place));
}

function isRunning({ instance }: FoundMachine): boolean {
  return instance.status === "Running";
}

function refuseOwnMachine(
  action: PowerAction,
  places: readonly FoundMachine[],
  { admin }: Live,
): void {
  const own = places.find(({ instance }) => admin.self.has(`${instance.project}/${instance.name}`));
  if (own === undefined) return;
  throw new UserError(
    `${own.machine.name} runs this anklume, which cannot ${action} its own machine`,
    "Run the same command on the host, in the same workspace",
  );
}

/** Leaves out the machines whose domain cannot work on this host as it is. */
function leaveConflictsOut(
  action: PowerAction,
  names: readonly string[],
  places: readonly FoundMachine[],
  { conflicts }: Live,
  { terminal, err }: Session,
): ChosenMachines {
  const held = new Map(conflicts.map(({ domain, diagnostic }) => [domain, diagnostic]));
  const leftOut = places.filter(({ domain }) => held.has(domain.name));
  const told = held.get(leftOut[0]?.domain.name ?? "");
  if (told === undefined) return { machines: places, leftOut };
  const list = leftOut.map(({ machine }) => machine.name).join(", ");
  const text = `Not ${action}ed: ${list}. ${told.summary}`;
  if (names.length > 0 || leftOut.length === places.length) throw new UserError(text, told.remedy);
  terminal.err(`${hang(err.colors.red("anklume: "), `${text}.`, err.width)}\n`);
  return { machines: places.filter(({ domain }) => !held.has(domain.name)), leftOut };
}

import { type FoundMachine, selectMachines } from "../../live/find_machines.ts";
import type { Live } from "../../live/open_live.ts";
import { withLive } from "../../live/with_live.ts";
import { agree } from "../../session/confirm.ts";
import { EXIT, type ExitStatus } from "../../session/exit_status.ts";
import type { Session } from "../../session/session.ts";
import { hang } from "../../view/text.ts";
import { count } from "../../view/number_text.ts";
import { withWorkspace } from "../../workspace/with_workspace.ts";
import { chooseMachines, isStopped, type PowerAction } from "./choose_machines.ts";
import { type PowerOptions, PowerRun } from "./power_run.ts";
import { prepareStart } from "./prepare_start.ts";

interface PowerFlags extends PowerOptions {
  readonly yes?: true;
}

/**
 * Starts, stops or restarts machines. Starts none unless the firewall was read back and is the
 * rendered one.
 */
export async function power(
  action: PowerAction,
  names: readonly string[],
  options: PowerFlags,
  session: Session,
): Promise<ExitStatus> {
  return await withWorkspace(session, { locks: true }, async (workspace) => {
    const places = selectMachines(workspace.infra, names);
    return await withLive(workspace, session, {}, async (live) => {
      const chosen = await chooseMachines(action, names, places, { workspace, live }, session);
      if (chosen.machines.length + chosen.leftOut.length === 0) {
        session.terminal.out(`Nothing to ${action}.\n`);
        return EXIT.done;
      }
      if (names.length === 0 && action !== "start") {
        const refused = await agree(questionOf(action, chosen.machines), options, session);
        if (refused !== undefined) return refused;
      }
      // A machine that may not be started again is not stopped either.
      const watch = action !== "stop" &&
        await prepareStart(chosen.machines, { workspace, live }, session);
      const run = new PowerRun(live, { ...options, watch }, session);
      await carryOut(action, chosen.machines, run, live);
      hintAtApply(action, run.done, session);
      if (session.signal.aborted) return EXIT.interrupted;
      return run.failed || chosen.leftOut.length > 0 ? EXIT.failed : EXIT.done;
    });
  });
}

async function carryOut(
  action: PowerAction,
  machines: readonly FoundMachine[],
  run: PowerRun,
  live: Live,
): Promise<void> {
  if (action === "stop") await run.stop(machines, "stopped");
  else if (action === "start") await run.start(machines, "started");
  else {
    const stopped = await run.stop(machines.filter((place) => !isStopped(place)));
    const down = new Set([...stopped, ...machines.filter(isStopped)]);
    // Shutting down takes time: the firewall is read again.
    await live.host.port(live.ruleset).verify();
    await run.start(machines.filter((place) => down.has(place)), "restarted");
  }
}

function questionOf(action: PowerAction, machines: readonly FoundMachine[]) {
  return {
    question: `Really ${action} all ${count(machines.length, "running machine")}?`,
    untouched: "Nothing was changed.",
    remedy: "Name machines or domains, or add --yes.",
  };
}

/** Warns that infra.yml decides: the next apply undoes a start or stop that it does not ask for. */
function hintAtApply(
  action: PowerAction,
  done: readonly FoundMachine[],
  { terminal, out }: Session,
): void {
  const against = done.filter(({ machine, domain }) =>
    domain.enabled && machine.state === (action === "stop" ? "running" : "stopped")
  );
  if (against.length === 0 || action === "restart") return;
  const names = against.map(({ machine }) => machine.name).join(", ");
  const [again, state] = action === "stop" ? ["starts", "running"] : ["stops", "stopped"];
  const text = `The next apply ${again} ${names} again, as infra.yml says (state: ${state}). ` +
    "With `state: manual` anklume leaves that to you.";
  terminal.out(`${hang("", text, out.width)}\n`);
}

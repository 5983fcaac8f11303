import type { Plan } from "../../plan/plan.ts";
import { ownership } from "../../resource/mark.ts";
import { handOverNotes } from "../../snapshot/move_set_notes.ts";
import type { Live } from "../../live/open_live.ts";

/**
 * Returns a function that moves the notes on snapshot sets from a project that the plan deletes to
 * another; undefined: there is no project left for them.
 */
export function noteKeeper(
  { incus, owner, actual }: Live,
  { changes }: Plan,
  force: boolean,
): ((project: string) => Promise<void>) | undefined {
  const leaving = new Set(
    changes.filter(({ addr, action, needsForce }) =>
      addr.kind === "project" && action === "delete" && (force || !needsForce)
    ).map(({ addr }) => addr.name),
  );
  const stays =
    changes.some(({ addr, action }) => addr.kind === "project" && action === "create") ||
    actual.resources.some(({ kind, addr, config }) =>
      kind === "project" && !leaving.has(addr.name) && ownership(config, owner).kind === "ours"
    );
  if (!stays) return undefined;
  return (project) => handOverNotes(incus, project, owner, leaving);
}

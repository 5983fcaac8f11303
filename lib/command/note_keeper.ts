import type { Plan } from "../plan/plan.ts";
import { handOverNotes } from "../snapshot/hand_over.ts";
import type { Live } from "./live.ts";

/** Keeps what is noted of snapshot sets on the projects that a plan deletes. */
export function noteKeeper(
  { incus, owner }: Live,
  { changes }: Plan,
  { force }: { readonly force?: true },
): (project: string) => Promise<void> {
  const leaving = new Set(
    changes.filter(({ addr, action, needsForce }) =>
      addr.kind === "project" && action === "delete" && (force || !needsForce)
    ).map(({ addr }) => addr.name),
  );
  return (project) => handOverNotes(incus, project, owner, leaving);
}

import { EXIT, type ExitStatus } from "../../session/exit_status.ts";
import type { Session } from "../../session/session.ts";
import { show } from "../../session/show.ts";
import { rolesView } from "../../view/role.ts";
import { rolesAtHand } from "./roles_at_hand.ts";

/** Lists the roles that machines may name, and the origin of each. */
export async function roles(
  options: { readonly json?: true },
  session: Session,
): Promise<ExitStatus> {
  await show(rolesView, rolesAtHand().roles, options, session);
  return EXIT.done;
}

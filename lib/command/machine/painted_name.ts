import type { PlacedMachine } from "../../infra/infra.ts";
import type { Session } from "../../session/session.ts";
import { trustColor } from "../../view/style.ts";

/** Returns a machine's name in the colour of its domain's trust level. */
export function paintedName({ machine, domain }: PlacedMachine, { out }: Session): string {
  return trustColor(out, domain.trustLevel)(machine.name);
}

import { EXIT, type ExitStatus } from "../../session/exit_status.ts";
import type { Session } from "../../session/session.ts";
import { show } from "../../session/show.ts";
import { isValid, validationView } from "../../view/validation.ts";
import { readInfra } from "../../workspace/read_infra.ts";

/** Reads and checks infra.yml. Changes nothing and sends no request. */
export async function validate(
  options: { readonly json?: true },
  session: Session,
): Promise<ExitStatus> {
  const read = readInfra({ roles: true });
  await show(validationView, read, options, session);
  return isValid(read) ? EXIT.done : EXIT.wrongInput;
}

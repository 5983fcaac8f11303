import { schemaText } from "../../infra/shape/json_schema.ts";
import { EXIT, type ExitStatus } from "../../session/exit_status.ts";
import type { Session } from "../../session/session.ts";

/** Prints the JSON Schema of infra.yml. */
export function schema({ terminal }: Session): ExitStatus {
  terminal.out(schemaText());
  return EXIT.done;
}

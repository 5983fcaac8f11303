import { suggest } from "../diag/suggest.ts";
import { UserError } from "./user_error.ts";

/** Number of names that are listed: a classroom may have hundreds. */
const SHOWN = 12;

/**
 * The error for a name on the command line that infra.yml does not have; `what`: its expected kind.
 */
export function unknownName(what: string, name: string, known: readonly string[]): UserError {
  return new UserError(`There is no ${what} \`${name}\` in this infra`, remedy(name, known));
}

function remedy(name: string, known: readonly string[]): string {
  const meant = suggest(name, known);
  if (meant !== undefined) return `Did you mean \`${meant}\`?`;
  if (known.length === 0) return "infra.yml declares none yet";
  const more = known.length > SHOWN ? ` and ${known.length - SHOWN} more` : "";
  return `It has ${known.slice(0, SHOWN).join(", ")}${more}`;
}

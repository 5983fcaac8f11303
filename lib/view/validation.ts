import { hasErrors } from "../diag/diagnostic.ts";
import { type Infra, machinesOf } from "../infra/infra.ts";
import { diagnosticsJson } from "./json.ts";
import { count } from "./number_text.ts";
import type { Findings, View } from "./view.ts";

/** What was read of infra.yml. */
interface Validation extends Findings {
  readonly infra?: Infra;
}

/** True if the files have no error. */
export function isValid(read: Validation): read is Validation & { readonly infra: Infra } {
  return read.infra !== undefined && !hasErrors(read.diagnostics);
}

function validationText(read: Validation): string {
  if (!isValid(read)) return "";
  const { infra } = read;
  const parts = [
    count(infra.domains.length, "domain"),
    count(machinesOf(infra).length, "machine"),
    count(infra.policies.length, "policy", "policies"),
  ];
  return `${infra.projectName} is valid: ${parts.join(", ")}.\n`;
}

/** `validate` */
export const validationView: View<Validation> = {
  above: (read) => read,
  text: validationText,
  json: ({ diagnostics }) => diagnosticsJson(diagnostics),
};

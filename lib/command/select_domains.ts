import { suggest } from "../diag/suggest.ts";
import type { Infra } from "../infra/infra.ts";
import { UserError } from "./user_error.ts";

/**
 * The domains that `--domain` names: a domain with copies means all of them. undefined: the whole infra. `further` are
 * names that are known although infra.yml no longer declares them.
 */
export function selectDomains(
  infra: Infra,
  names: readonly string[],
  further: readonly string[] = [],
): string[] | undefined {
  if (names.length === 0) return undefined;
  const known = new Set([...infra.domains.map((domain) => domain.name), ...further]);
  const selected = new Set<string>();
  for (const name of names) {
    const copies = infra.copies.get(name);
    if (copies !== undefined) {
      for (const copy of copies) selected.add(copy);
    } else if (known.has(name)) {
      selected.add(name);
    } else {
      throw unknownDomain(name, [...infra.copies.keys(), ...known]);
    }
  }
  return [...selected];
}

/** Of a classroom with a hundred copies nobody wants to read all. */
const SHOWN = 12;

function unknownDomain(name: string, known: readonly string[]): UserError {
  return new UserError(`There is no domain \`${name}\` in this infra`, remedy(name, known));
}

function remedy(name: string, known: readonly string[]): string {
  const meant = suggest(name, known);
  if (meant !== undefined) return `Did you mean \`${meant}\`?`;
  if (known.length === 0) return "infra.yml declares none yet";
  const more = known.length > SHOWN ? ` and ${known.length - SHOWN} more` : "";
  return `It has ${known.slice(0, SHOWN).join(", ")}${more}`;
}

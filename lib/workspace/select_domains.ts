import type { Infra } from "../infra/infra.ts";
import { unknownName } from "../session/unknown_name.ts";

/**
 * Returns the domains that `--domain` names; a domain with copies means all copies. undefined: the
 * whole infra. `further`: names that are known although infra.yml no longer declares them.
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
      throw unknownName("domain", name, [...infra.copies.keys(), ...known]);
    }
  }
  return [...selected];
}

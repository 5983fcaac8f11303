import { suggest } from "../../diag/suggest.ts";
import { type Infra, machinesOf } from "../../infra/infra.ts";
import type { Inventory } from "../../snapshot/inventory.ts";
import type { LiveMachine } from "../../snapshot/live_machine.ts";
import { selectDomains } from "../../workspace/select_domains.ts";
import { UserError } from "../../session/user_error.ts";

/** `--machine`, `--domain`, `--all`. */
export interface ScopeOptions {
  readonly machine: readonly string[];
  readonly domain: readonly string[];
  readonly all?: true;
}

/** True for the whole infra: nothing was chosen, or `--all`. */
export function isWholeScope({ machine, domain }: ScopeOptions): boolean {
  return machine.length + domain.length === 0;
}

/**
 * Returns the existing machines in the scope. `--machine pc1` means pc1 of every copy, as in a
 * policy.
 * @throws UserError for a name that is not in the infra, and for a machine that does not exist yet
 */
export function selectScope(
  infra: Infra,
  inventory: Inventory,
  options: ScopeOptions,
): readonly LiveMachine[] {
  if (isWholeScope(options)) return inventory.machines;
  const gone = inventory.machines.map(({ domain }) => domain);
  const domains = options.domain.length === 0
    ? []
    : selectDomains(infra, options.domain, gone) ?? [];
  const names = new Set(options.machine.flatMap((name) => namesOf(name, infra, inventory)));
  return inventory.machines.filter(({ domain, name }) =>
    domains.includes(domain) || names.has(name)
  );
}

function namesOf(name: string, infra: Infra, { machines }: Inventory): string[] {
  const declared = machinesOf(infra);
  const meant = declared.filter((machine) => machine.name === name || machine.hostname === name)
    .map((machine) => machine.name);
  const standing = machines.map((machine) => machine.name);
  const found = [...new Set([...meant, name])].filter((each) => standing.includes(each));
  if (found.length > 0) return found;
  if (meant.length > 0) {
    throw new UserError(
      `The machine \`${name}\` does not exist yet`,
      "`anklume apply` creates it",
    );
  }
  const known = [...new Set([...declared.map((machine) => machine.name), ...standing])];
  const near = suggest(name, known);
  throw new UserError(
    `There is no machine \`${name}\` in this infra`,
    near === undefined ? "`anklume status` lists them" : `Did you mean \`${near}\`?`,
  );
}

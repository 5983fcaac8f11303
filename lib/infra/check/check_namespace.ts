import type { DiagnosticList } from "../../diag/diagnostic_list.ts";
import type { SourceRange } from "../../diag/diagnostic.ts";
import type { DeclaredDomain } from "../declared_domain.ts";

interface Holder {
  readonly what: string;
  readonly range: SourceRange;
}

/**
 * Checks that domains, their copies and all machines have different names: they share the namespace
 * of Ansible's groups and hosts.
 */
export function checkNamespace(
  declared: readonly DeclaredDomain[],
  diagnostics: DiagnosticList,
): void {
  const holders = new Map<string, Holder>();
  const claim = (name: string, holder: Holder, remedy: string) => {
    const other = holders.get(name);
    if (other === undefined) {
      holders.set(name, holder);
      return;
    }
    const { file, start } = other.range;
    diagnostics.add({
      code: "DUPLICATE_NAME",
      summary: `\`${name}\` is already ${other.what}, in ${file}:${start.line}`,
      detail: "domains and machines must all have different names",
      remedy,
      range: holder.range,
    });
  };
  for (const { name, range, hasCopies, domains } of declared) {
    claim(name, { what: "a domain", range }, "choose another name");
    for (const domain of domains) {
      if (hasCopies) {
        claim(
          domain.name,
          { what: `a copy of \`${name}\``, range },
          `rename \`${name}\` or its copy`,
        );
      }
      for (const machine of domain.machines) {
        const what = hasCopies ? `the \`${machine.hostname}\` of \`${domain.name}\`` : "a machine";
        claim(machine.name, { what, range: machine.range }, `try \`${suggestName(machine)}\``);
      }
    }
  }
}

function suggestName(machine: { readonly name: string; readonly domain: string }): string {
  const free = machine.name === machine.domain ? `${machine.name}-main` : undefined;
  return free ?? `${machine.domain}-${machine.name}`;
}

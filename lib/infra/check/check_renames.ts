import type { DiagnosticList } from "../../diag/diagnostic_list.ts";
import type { SourceRange } from "../../diag/diagnostic.ts";
import type { DeclaredDomain } from "../declared_domain.ts";

/**
 * Checks that each `renamed_from` names something that is no longer in infra.yml, and that only one
 * entry uses that name.
 */
export function checkRenames(
  declared: readonly DeclaredDomain[],
  diagnostics: DiagnosticList,
): void {
  const domains = declared.flatMap((each) => each.domains);
  const machines = domains.flatMap((domain) => domain.machines);
  check(domains, "domain", diagnostics);
  check(machines, "machine", diagnostics);
}

interface Renamed {
  readonly name: string;
  readonly renamedFrom?: string;
  readonly range: SourceRange;
  readonly ranges: ReadonlyMap<string, SourceRange>;
}

function check(all: readonly Renamed[], what: string, diagnostics: DiagnosticList): void {
  const names = new Set(all.map(({ name }) => name));
  const heirs = new Map<string, string>();
  for (const { name, renamedFrom, range, ranges } of all) {
    if (renamedFrom === undefined) continue;
    const other = heirs.get(renamedFrom);
    heirs.set(renamedFrom, name);
    if (!names.has(renamedFrom) && other === undefined) continue;
    diagnostics.add({
      code: "RENAMED_FROM",
      summary: names.has(renamedFrom)
        ? `\`${name}\` is renamed from \`${renamedFrom}\`, which is still a ${what} here`
        : `\`${name}\` and \`${other}\` are both renamed from \`${renamedFrom}\``,
      detail: "the data of a machine can move to one machine only",
      remedy: "remove `renamed_from` where it no longer applies",
      range: ranges.get("renamed_from") ?? range,
    });
  }
}

import type { Diagnostic } from "../diag/diagnostic.ts";
import type { SourceText } from "../diag/source.ts";
import { type EditedInfra, editInfra } from "../infra/edit_infra.ts";
import type { Infra } from "../infra/infra.ts";
import { formatAddr, type ResourceAddr } from "../resource/address.ts";
import { MARK_PREFIX } from "../resource/mark.ts";
import type { Adoption, Adoptions, LeftAlone } from "./adoption.ts";
import type { FieldChange, Plan } from "./plan.ts";

/** A field that an apply changes. */
interface PlannedField {
  readonly addr: ResourceAddr;
  readonly field: FieldChange;
}

/** The edits that can be made, the resulting files, and the plan that an apply would then have. */
export interface EditedAdoptions extends EditedInfra, Adoptions {
  /** Changes of an apply that result from the edits. */
  readonly following: readonly PlannedField[];
  /** Errors in the plan that result from the edits. */
  readonly errors: readonly Diagnostic[];
}

/**
 * Makes adoptions in memory and plans with the result. An adoption is kept only if the infra is
 * valid with it and the field no longer differs. `planWith` computes the plan of an infra on the
 * same host.
 */
export function editAdoptions(
  { sources, infra }: { readonly sources: readonly SourceText[]; readonly infra: Infra },
  before: Plan,
  wanted: Adoptions,
  planWith: (infra: Infra) => Plan,
): EditedAdoptions {
  const adoptions: Adoption[] = [];
  const left: LeftAlone[] = [...wanted.left];
  let edited: EditedInfra = { sources, infra };
  for (const adoption of wanted.adoptions) {
    const result = editInfra(edited.sources, adoption.edits);
    if (typeof result === "string") {
      left.push(leave(adoption, result));
    } else {
      adoptions.push(adoption);
      edited = result;
    }
  }
  const after = planWith(edited.infra);
  const still = fieldsOf(after);
  const effective = adoptions.filter((each) => !still.has(nameOf(each)));
  if (effective.length < adoptions.length) {
    const vain = adoptions.filter((each) => !effective.includes(each))
      .map((each) => leave(each, "infra.yml cannot express it"));
    const rest = { adoptions: effective, left: [...left, ...vain] };
    return editAdoptions({ sources, infra }, before, rest, planWith);
  }
  const known = fieldsOf(before);
  const errorsBefore = new Set(before.diagnostics.map(({ summary }) => summary));
  return {
    ...edited,
    adoptions,
    // Some of these follow from the edits and no longer differ.
    left: left.filter(({ addr, path }) =>
      path === undefined || still.has(`${formatAddr(addr)} ${path}`)
    ),
    following: [...still].flatMap(([name, each]) =>
      known.has(name) || each.field.path.startsWith(`config.${MARK_PREFIX}`) ? [] : [each]
    ),
    errors: after.diagnostics.filter(({ severity, summary }) =>
      severity === "error" && !errorsBefore.has(summary)
    ),
  };
}

function leave({ addr, field }: Adoption, reason: string): LeftAlone {
  return { addr, path: field.path, reason };
}

function nameOf({ addr, field }: PlannedField): string {
  return `${formatAddr(addr)} ${field.path}`;
}

function fieldsOf({ changes }: Plan): Map<string, PlannedField> {
  return new Map(
    changes.flatMap(({ addr, fields }) =>
      fields.map((field) => [nameOf({ addr, field }), { addr, field }] as const)
    ),
  );
}

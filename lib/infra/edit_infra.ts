import type { SourceText } from "../diag/source.ts";
import { EditRefused, editYaml, hasKeys, type YamlEdit } from "./yaml/edit_yaml.ts";
import type { Infra } from "./infra.ts";
import { parseInfra } from "./parse_infra.ts";

/** The texts of an infra after some edits, and the infra that they declare. */
export interface EditedInfra {
  readonly sources: readonly SourceText[];
  readonly infra: Infra;
}

/**
 * Applies edits of single values to `infra.yml`, or to the file of `infra/` that contains the
 * domain. If they cannot be made, returns the reason as the end of a sentence: the file's layout
 * does not allow it, or the file would become invalid.
 */
export function editInfra(
  sources: readonly SourceText[],
  edits: readonly YamlEdit[],
): EditedInfra | string {
  let edited = sources;
  try {
    for (const edit of edits) {
      const [domains = "", domain = ""] = edit.path;
      const place = edited.find(({ text }) => hasKeys(text, [domains, domain]));
      if (place === undefined) return `no file has \`${domains}: ${domain}\``;
      const text = editYaml(place.text, edit);
      edited = edited.map((each) => each === place ? { ...each, text } : each);
    }
  } catch (error) {
    if (error instanceof EditRefused) return error.message;
    throw error;
  }
  const { infra, diagnostics } = parseInfra(edited);
  if (infra !== undefined) return { sources: edited, infra };
  const mistake = diagnostics.find(({ severity }) => severity === "error");
  return `infra.yml would be wrong: ${mistake?.summary ?? "it cannot be read"}`;
}

import type { DiagnosticList } from "../../diag/diagnostic_list.ts";
import type { Located } from "../shape/shape.ts";
import { shortenName } from "../words.ts";

/** Returns the values of a list without duplicates, and reports each duplicate. */
export function distinct(
  items: readonly Located<string>[],
  label: string,
  diagnostics: DiagnosticList,
): string[] {
  const values = new Set<string>();
  for (const item of items) {
    if (values.has(item.value)) {
      diagnostics.add({
        code: "DUPLICATE_ENTRY",
        summary: `\`${shortenName(item.value)}\` is in \`${label}\` twice`,
        remedy: "keep one of them",
        range: item.range,
      });
    }
    values.add(item.value);
  }
  return [...values];
}

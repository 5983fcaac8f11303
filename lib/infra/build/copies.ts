import type { DiagnosticList } from "../../diag/diagnostic_list.ts";
import { distinct } from "./distinct.ts";
import type { CopiesText } from "../shape/schema.ts";
import type { Located } from "../shape/shape.ts";
import { type MapEntry, type Node, rangeOf } from "../yaml/yaml_tree.ts";

const PLACEHOLDER = "{copy}";

/**
 * Returns the names of a domain's copies; undefined for a domain without copies (no `copies`, or
 * 1). Numbers have at least two digits and are never padded to the width of the count, so that
 * growing from 99 to 100 copies renames none of them.
 */
export function copyNames(
  copies: Located<CopiesText> | undefined,
  diagnostics: DiagnosticList,
): readonly string[] | undefined {
  if (copies === undefined || copies.value === 1) return undefined;
  if (typeof copies.value === "number") {
    return Array.from({ length: copies.value }, (_, index) => String(index + 1).padStart(2, "0"));
  }
  return distinct(copies.value, "copies", diagnostics);
}

/** True if any text below the node contains `{copy}`. */
export function mentionsCopy(node: Node): boolean {
  switch (node.kind) {
    case "scalar":
      return typeof node.value === "string" && node.value.includes(PLACEHOLDER);
    case "list":
      return node.items.some(mentionsCopy);
    case "map":
      return node.entries.some((entry) => mentionsCopy(entry.value));
  }
}

/** Returns the tree of one copy: its name replaces `{copy}` in every value. Keys do not change. */
export function substituteCopy(node: Node, name: string): Node {
  if (node.kind === "list") {
    return { ...node, items: node.items.map((item) => substituteCopy(item, name)) };
  }
  if (node.kind === "map") {
    const entries: MapEntry[] = node.entries.map((entry) => ({
      ...entry,
      value: substituteCopy(entry.value, name),
    }));
    return { ...node, entries };
  }
  if (typeof node.value !== "string" || !node.value.includes(PLACEHOLDER)) return node;
  const value = node.value.replaceAll(PLACEHOLDER, name);
  return { ...node, value, text: value, substituted: true };
}

/**
 * Warns of a `{copy}` in a domain without copies. Nothing replaces it there: probably `copies` was
 * forgotten.
 */
export function warnOfStrayCopy(node: Node, diagnostics: DiagnosticList): void {
  if (node.kind === "list") {
    for (const item of node.items) warnOfStrayCopy(item, diagnostics);
  } else if (node.kind === "map") {
    for (const entry of node.entries) warnOfStrayCopy(entry.value, diagnostics);
  } else if (mentionsCopy(node)) {
    diagnostics.add({
      severity: "warning",
      code: "COPY_WITHOUT_COPIES",
      summary: "`{copy}` is not replaced: this domain has no copies",
      remedy: "give the domain `copies`, or remove `{copy}`",
      range: rangeOf(node.span),
    });
  }
}

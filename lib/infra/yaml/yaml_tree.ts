import type { SourceFile } from "../../diag/source.ts";
import type { SourceRange } from "../../diag/diagnostic.ts";

/** A stretch of one file, in offsets. */
export interface Span {
  readonly source: SourceFile;
  readonly start: number;
  readonly end: number;
}

export interface ScalarNode {
  readonly kind: "scalar";
  readonly value: string | number | boolean | null;
  /** As written, without quotes: `1.10` keeps its zero. */
  readonly text: string;
  /** Where `{copy}` was replaced: such a text may stand for a number. */
  readonly substituted?: boolean;
  readonly span: Span;
  readonly weight: 1;
}

export interface MapEntry {
  readonly key: string;
  readonly keySpan: Span;
  readonly value: Node;
}

export interface MapNode {
  readonly kind: "map";
  readonly entries: readonly MapEntry[];
  readonly span: Span;
  /** Nodes below and including this one, aliases counted as often as they are used. */
  readonly weight: number;
}

export interface ListNode {
  readonly kind: "list";
  readonly items: readonly Node[];
  readonly span: Span;
  readonly weight: number;
}

/** A YAML value with its place; aliases are the node they point to. */
export type Node = ScalarNode | MapNode | ListNode;

export function rangeOf(span: Span): SourceRange {
  return span.source.range(span.start, span.end);
}

/** What a person calls such a value. */
export function describeNode(node: Node): string {
  if (node.kind === "map") return "a map";
  if (node.kind === "list") return "a list";
  if (node.value === null) return "nothing";
  switch (typeof node.value) {
    case "string":
      return "a text";
    case "number":
      return "a number";
    default:
      return node.text;
  }
}

export function entryOf(node: Node | undefined, key: string): MapEntry | undefined {
  return node?.kind === "map" ? node.entries.find((entry) => entry.key === key) : undefined;
}

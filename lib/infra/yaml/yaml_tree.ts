import type { SourceFile } from "../../diag/source.ts";
import type { SourceRange } from "../../diag/diagnostic.ts";

/** A part of one file, as offsets. */
export interface Span {
  readonly source: SourceFile;
  readonly start: number;
  readonly end: number;
}

export interface ScalarNode {
  readonly kind: "scalar";
  readonly value: string | number | boolean | null;
  /** The text as written, without quotes: `1.10` keeps its zero. */
  readonly text: string;
  /** True if `{copy}` was replaced in it. Such a text may be a number. */
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
  /** Number of nodes below and including this one. An aliased node counts each time it is used. */
  readonly weight: number;
}

export interface ListNode {
  readonly kind: "list";
  readonly items: readonly Node[];
  readonly span: Span;
  readonly weight: number;
}

/** A YAML value with its place. An alias is the node that it points to. */
export type Node = ScalarNode | MapNode | ListNode;

export function rangeOf(span: Span): SourceRange {
  return span.source.range(span.start, span.end);
}

/** Returns the usual name for a value of this kind. */
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

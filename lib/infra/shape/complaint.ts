import type { ReadContext } from "./shape.ts";
import { shortenName } from "../words.ts";
import { describeNode, type Node, rangeOf, type Span } from "../yaml/yaml_tree.ts";
import { optional } from "../../diag/optional.ts";

/*
 * Reports a value that a shape cannot read, and finds the place that the report points to.
 */

export function outOfRange(
  context: ReadContext,
  value: number,
  minimum: number,
  maximum: number,
): undefined {
  context.diagnostics.add({
    code: "OUT_OF_RANGE",
    summary: `\`${context.label}\` is ${value}; it must be from ${minimum} to ${maximum}`,
    range: rangeOf(context.span),
  });
}

export function wrongType(
  node: Node,
  context: ReadContext,
  expected: string,
  remedy?: string,
): undefined {
  const label = `\`${shortenName(context.label)}\``;
  const what = context.isEntry ? `An entry of ${label}` : label;
  context.diagnostics.add({
    code: "WRONG_TYPE",
    summary: isNothing(node)
      ? `${what} is empty; it must be ${expected}`
      : `${what} must be ${expected}, not ${describeNode(node)}`,
    ...optional({ remedy }),
    range: rangeOf(context.span),
  });
}

export function isCleanText(value: string, context: ReadContext): boolean {
  if (!value.includes("\0") && value.isWellFormed()) return true;
  context.diagnostics.add({
    code: "INVALID_TEXT",
    summary: `\`${shortenName(context.label)}\` holds ${
      value.includes("\0") ? "a NUL character" : "half a surrogate pair"
    }, which no program can store`,
    range: rangeOf(context.span),
  });
  return false;
}

export function isNothing(node: Node): boolean {
  return node.kind === "scalar" && node.value === null;
}

/**
 * Returns the span of the value if it is a scalar or a bracketed value on one line; otherwise the
 * span of its key.
 */
export function complaintSpan(node: Node, keySpan: Span): Span {
  const { source, start, end } = node.span;
  if (start === end) return keySpan;
  const bracketed = source.text[start] === "{" || source.text[start] === "[";
  return isOneLine(node.span) && (node.kind === "scalar" || bracketed) ? node.span : keySpan;
}

function isOneLine({ source, start, end }: Span): boolean {
  return source.position(start).line === source.position(end).line;
}

/** Returns the span of a list entry; only its first line if it has several. */
export function firstLineOf(span: Span): Span {
  if (isOneLine(span)) return span;
  const { line, column } = span.source.position(span.start);
  const rest = span.source.line(line).length - column + 1;
  return { ...span, end: span.start + Math.max(0, rest) };
}

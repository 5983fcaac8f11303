import { complaintSpan, isCleanText } from "./complaint.ts";
import type { Value } from "./infra.ts";
import type { ReadContext, Shape } from "./shape.ts";
import { shorten } from "./words.ts";
import { type Node, rangeOf } from "./yaml_tree.ts";

/** Any value that JSON knows too. */
export function anyValue(): Shape<Value> {
  return { json: {}, read: readValue };
}

function readValue(node: Node, context: ReadContext): Value | undefined {
  if (node.kind === "list") {
    const values: Value[] = [];
    for (const item of node.items) {
      const value = readValue(item, { ...context, span: complaintSpan(item, context.span) });
      if (value !== undefined) values.push(value);
    }
    return values;
  }
  if (node.kind === "map") {
    const values: [string, Value][] = [];
    for (const { key, keySpan, value: child } of node.entries) {
      const value = readValue(child, { ...context, span: complaintSpan(child, keySpan) });
      if (value !== undefined) values.push([key, value]);
    }
    return Object.fromEntries(values);
  }
  if (typeof node.value === "number") {
    if (Number.isFinite(node.value) && isExact(node.value, node.text)) return node.value;
    context.diagnostics.add({
      code: "INVALID_NUMBER",
      summary: `\`${shorten(node.text)}\` cannot be kept exactly as a number`,
      remedy: `put it in quotes: "${shorten(node.text)}"`,
      range: rangeOf(context.span),
    });
    return undefined;
  }
  if (typeof node.value === "string" && !isCleanText(node.value, context)) return undefined;
  return node.value;
}

function isExact(value: number, text: string): boolean {
  return /[.eE]/.test(text) || Number.isSafeInteger(value);
}

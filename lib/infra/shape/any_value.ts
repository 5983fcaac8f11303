import { complaintSpan, isCleanText } from "./complaint.ts";
import { type Variable, WholeFloat } from "../infra.ts";
import type { ReadContext, Shape } from "./shape.ts";
import { shortenName } from "../words.ts";
import { floatText, integerText } from "../yaml/yaml_1_1.ts";
import { warnOfOtherKey, warnOfOtherReading } from "./yaml_1_1_warning.ts";
import { type Node, rangeOf, type ScalarNode } from "../yaml/yaml_tree.ts";

/** Reads any value that JSON can contain, as an Ansible variable. */
export function anyValue(): Shape<Variable> {
  return { json: {}, read: readValue };
}

function readValue(node: Node, context: ReadContext): Variable | undefined {
  if (node.kind === "list") {
    const values: Variable[] = [];
    for (const item of node.items) {
      const value = readValue(item, { ...context, span: complaintSpan(item, context.span) });
      if (value !== undefined) values.push(value);
    }
    return values;
  }
  if (node.kind === "map") {
    const values: [string, Variable][] = [];
    for (const { key, keySpan, value: child } of node.entries) {
      if (!isCleanText(key, { ...context, label: key, span: keySpan })) continue;
      warnOfOtherKey(key, { ...context, span: keySpan });
      const value = readValue(child, { ...context, span: complaintSpan(child, keySpan) });
      if (value !== undefined) values.push([key, value]);
    }
    return Object.fromEntries(values);
  }
  if (typeof node.value === "string" && !isCleanText(node.value, context)) return undefined;
  const value = typeof node.value === "number" ? numberOf(node, node.value) : node.value;
  if (value === undefined) {
    context.diagnostics.add({
      code: "INVALID_NUMBER",
      summary: `\`${shortenName(node.text)}\` cannot be kept exactly as a number`,
      remedy: `put it in quotes: "${shortenName(node.text)}"`,
      range: rangeOf(context.span),
    });
    return undefined;
  }
  warnOfOtherReading(node, shownOf(value), context);
  return value;
}

/**
 * Returns a number as it was written: an integer of any size, or a float if it has a point or an
 * exponent.
 */
function numberOf(node: ScalarNode, value: number): number | bigint | WholeFloat | undefined {
  // An integer of more than 308 digits is infinite too. Python would refuse one of 4,300 digits.
  if (!Number.isFinite(value)) return undefined;
  if (/^[-+]?0[xo]|^[-+]?\d+$/.test(node.text)) {
    const exact = BigInt(integerText(node.text));
    return Number.isSafeInteger(value) ? Number(exact) : exact;
  }
  return Number.isInteger(value) ? new WholeFloat(value) : value;
}

/** Returns a scalar in a form that both YAML versions read the same. */
function shownOf(value: Variable): string {
  if (value instanceof WholeFloat) return floatText(value.value);
  if (typeof value === "number" && !Number.isInteger(value)) return floatText(value);
  return String(value);
}

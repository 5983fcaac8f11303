import { suggest } from "../../diag/suggest.ts";
import { isCleanText, outOfRange, wrongType } from "./complaint.ts";
import type { Shape } from "./shape.ts";
import { quotedList, shortenName } from "../words.ts";
import { type Node, rangeOf } from "../yaml/yaml_tree.ts";

export function text(): Shape<string> {
  return {
    json: { type: "string" },
    read(node, context) {
      if (node.kind !== "scalar" || typeof node.value !== "string") {
        const remedy = node.kind === "scalar" && node.value !== null
          ? `put it in quotes: "${node.text}"`
          : undefined;
        return wrongType(node, context, "a text", remedy);
      }
      return isCleanText(node.value, context) ? node.value : undefined;
    },
  };
}

/** Reads an integer between two bounds, both included. */
export function integer(minimum: number, maximum: number): Shape<number> {
  return {
    json: { type: "integer", minimum, maximum },
    read(node, context) {
      const value = numberOf(node);
      if (value === undefined || !Number.isInteger(value)) {
        return wrongType(node, context, "a whole number");
      }
      if (value < minimum || value > maximum) {
        return outOfRange(context, value, minimum, maximum);
      }
      return value;
    },
  };
}

export function flag(): Shape<boolean> {
  return {
    json: { type: "boolean" },
    read(node, context) {
      if (node.kind === "scalar" && typeof node.value === "boolean") return node.value;
      const word = node.kind === "scalar" ? node.text.toLowerCase() : "";
      const yes = word === "yes" || word === "on";
      const no = word === "no" || word === "off";
      return wrongType(
        node,
        context,
        "`true` or `false`",
        yes || no ? `write \`${yes}\`: in YAML 1.2 \`${word}\` is a text` : undefined,
      );
    },
  };
}

export function choice<const T extends string>(choices: readonly T[]): Shape<T> {
  const known: ReadonlySet<string> = new Set(choices);
  const isChoice = (word: string): word is T => known.has(word);
  return {
    json: { enum: [...choices] },
    read(node, context) {
      const word = node.kind === "scalar" ? node.text : undefined;
      if (node.kind === "scalar" && typeof node.value === "string" && isChoice(node.value)) {
        return node.value;
      }
      if (word === undefined || word === "") {
        return wrongType(node, context, quotedList(choices));
      }
      const near = suggest(word, choices);
      context.diagnostics.add({
        code: "UNKNOWN_VALUE",
        summary: `\`${context.label}\` cannot be \`${shortenName(word)}\``,
        remedy: near === undefined
          ? `write ${quotedList(choices)}`
          : `did you mean \`${near}\`? There is ${quotedList(choices, "and")}`,
        range: rangeOf(context.span),
      });
      return undefined;
    },
  };
}

/**
 * Reads texts, numbers and booleans as the texts that Incus stores: `2` is "2", `True` is "true".
 */
export function incusValue(): Shape<string> {
  return {
    json: { type: ["string", "number", "boolean"] },
    read(node, context) {
      if (node.kind !== "scalar" || node.value === null) {
        return wrongType(
          node,
          context,
          "a text, a number or a boolean",
          'for an empty text write ""',
        );
      }
      if (typeof node.value === "string") {
        return isCleanText(node.value, context) ? node.value : undefined;
      }
      return typeof node.value === "boolean" ? String(node.value) : node.text;
    },
  };
}

/** Returns a number, also from a text that is a number after `{copy}` was replaced in it. */
function numberOf(node: Node): number | undefined {
  if (node.kind !== "scalar") return undefined;
  if (typeof node.value === "number") return node.value;
  if (node.substituted && /^\d{1,9}$/.test(node.text)) return Number(node.text);
  return undefined;
}

import { isScalar, visit } from "yaml";
import { keyText, parseAsWritten } from "./written_yaml.ts";

/**
 * Returns the replacement of a hidden value, on one line or with all its line breaks. `written` is
 * the value as it is in the text.
 */
export type HiddenWord = (path: readonly string[], value: string, written: string) => string;

const hiddenWord: HiddenWord = (_path, _value, written) => `(hidden, ${written.length} characters)`;

/**
 * Hides the values for which `isSecret` returns true; it gets the keys from the top and the value.
 * The number of lines does not change.
 */
export function hideValues(
  text: string,
  isSecret: (path: readonly string[], value: string) => boolean,
  word = hiddenWord,
): string {
  let hidden = text;
  const spans: (readonly [number, number, string])[] = [];
  visit(parseAsWritten(text), {
    Scalar(key, node, ancestors) {
      if (key === "key" || !node.range || node.range[0] === node.range[1]) return;
      const path = ancestors.flatMap((each) =>
        "key" in each && isScalar(each.key) ? [keyText(each.key)] : []
      );
      const value = String(node.value);
      if (!isSecret(path, value)) return;
      const [start, end] = node.range;
      spans.push([start, end, word(path, value, text.slice(start, end))]);
    },
  });
  for (const [start, end, shown] of spans.reverse()) {
    const breaks = shown.includes("\n") ? "" : text.slice(start, end).replace(/[^\n]/g, "");
    hidden = `${hidden.slice(0, start)}${shown}${breaks}${hidden.slice(end)}`;
  }
  return hidden;
}

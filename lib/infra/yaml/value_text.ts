import { isScalar, isSeq, parseDocument, Scalar } from "yaml";
import type { Value } from "../infra.ts";

/** Returns the value in the style of the old one, if that style gives the same kind of value. */
export function likeText(value: Exclude<Value, null>, before: Scalar, inFlow: boolean): string {
  if (typeof value !== "string") {
    return typeof value === "object" ? flowText(value) : String(value);
  }
  if (before.type === Scalar.QUOTE_DOUBLE) return quoted(value);
  if (before.type === Scalar.QUOTE_SINGLE && /^[\x20-\x7e]*$/.test(value)) {
    return `'${value.replaceAll("'", "''")}'`;
  }
  const bare = plain(value, inFlow);
  return bare !== undefined && typeof bare === typeof before.value
    ? value
    : scalarText(value, inFlow);
}

export function scalarText(value: string | number | boolean, inFlow: boolean): string {
  return typeof value === "string" ? wordText(value, inFlow) : String(value);
}

/** Returns the text without quotes if every reader reads it as the same text. */
export function wordText(text: string, inFlow: boolean): string {
  return typeof plain(text, inFlow) === "string" && !/^(y|n|yes|no|on|off)$/i.test(text)
    ? text
    : quoted(text);
}

/**
 * Returns the value that YAML reads if the text has no quotes; undefined if it is not one value or
 * not the same text.
 */
function plain(text: string, inFlow: boolean): unknown {
  if (/[\r\n]/.test(text)) return undefined;
  const document = parseDocument(inFlow ? `[ ${text} ]` : text, { version: "1.2" });
  if (document.errors.length + document.warnings.length > 0) return undefined;
  const { contents } = document;
  const node = inFlow && isSeq(contents) && contents.items.length === 1
    ? contents.items[0]
    : contents;
  if (!isScalar(node) || node.type !== Scalar.PLAIN || node.source !== text) return undefined;
  return document.comment === null && node.comment == null ? node.value : undefined;
}

function quoted(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\u009f\u2028\u2029\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Returns a value on one line: `{ type: disk, size: 2GiB }`, `[default, small]`. */
export function flowText(value: Exclude<Value, null>): string {
  if (Array.isArray(value)) return `[${value.map((item) => flowText(item)).join(", ")}]`;
  if (typeof value !== "object") return scalarText(value, true);
  const entries = Object.entries(value).map(([key, below]) =>
    `${wordText(key, true)}: ${flowText(below as Exclude<Value, null>)}`
  );
  return entries.length === 0 ? "{}" : `{ ${entries.join(", ")} }`;
}

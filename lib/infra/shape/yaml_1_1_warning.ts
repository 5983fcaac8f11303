import type { ReadContext } from "./shape.ts";
import { shortenName } from "../words.ts";
import { readAsYaml11, type Reading } from "../yaml/yaml_1_1.ts";
import { rangeOf, type ScalarNode, type Span } from "../yaml/yaml_tree.ts";

/*
 * A user may copy variables from one of Ansible's files, which is YAML 1.1, into infra.yml, which is
 * YAML 1.2. Some words then get another value: a mode of 0640, an `enabled: no`. These warnings
 * report that, with a spelling for each meaning.
 */

/**
 * Warns of a value without quotes if Ansible would read another value from its own file, or if the
 * value differs from its spelling (`1.10` is the number 1.1).
 *
 * @param ours the value that is passed on, in a form that both YAML versions read the same
 */
export function warnOfOtherReading(node: ScalarNode, ours: string, context: ReadContext): void {
  if (node.substituted || !isPlain(node.span)) return;
  const theirs = readAsYaml11(node.text);
  const isText = typeof node.value === "string";
  const told = isText
    ? textTold(node.text, theirs)
    : typeof node.value === "number"
    ? numberTold(node.text, ours, theirs)
    : undefined;
  if (told === undefined) return;
  const text = shortenName(node.text);
  const spellings = [`\`"${text}"\` is the text`];
  if (!isText) spellings.push(`\`${ours}\` the number that anklume passes on`);
  if ("shown" in theirs && theirs.kind !== "date" && theirs.shown !== ours) {
    const what = theirs.kind === "boolean" ? "the boolean" : "the number that Ansible would read";
    spellings.push(`\`${shortenName(theirs.shown)}\` ${what}`);
  }
  if (YES_OR_NO.test(node.text)) {
    spellings.push(`\`${/^y/i.test(node.text)}\` the boolean`);
  }
  context.diagnostics.add({
    severity: "warning",
    code: "AMBIGUOUS_VALUE",
    ...told,
    remedy: `write what you mean: ${spellings.join(", ")}`,
    range: rangeOf(context.span),
  });
}

/**
 * Warns of a key without quotes that Ansible would not read as a text. In infra.yml every key is a
 * text.
 */
export function warnOfOtherKey(key: string, context: ReadContext): void {
  if (!isPlain(context.span)) return;
  const theirs = readAsYaml11(key);
  if (theirs.kind === "text") return;
  context.diagnostics.add({
    severity: "warning",
    code: "AMBIGUOUS_VALUE",
    summary: `The key \`${shortenName(key)}\` is passed on as a text; ${theirsTold(theirs)}`,
    remedy:
      `write \`"${
        shortenName(key)
      }"\`; a variable that needs another key goes below the managed section ` +
      "of host_vars",
    range: rangeOf(context.span),
  });
}

/** Booleans of YAML 1.1 that Ansible's reader nevertheless reads as texts. */
const YES_OR_NO = /^[yn]$/i;

interface Told {
  readonly summary: string;
  readonly detail?: string;
}

function textTold(text: string, theirs: Reading): Told | undefined {
  if (YES_OR_NO.test(text)) {
    return {
      summary: `\`${text}\` is passed on as a text, and a text is never false`,
      detail: "YAML 1.1 calls it a boolean; Ansible reads it as text, too",
    };
  }
  if (theirs.kind === "text") return undefined;
  return {
    summary: `\`${shortenName(text)}\` is passed on as a text; ${theirsTold(theirs)}`,
    ...(theirs.kind === "boolean" ? { detail: "a text is never false, whatever its content" } : {}),
  };
}

function numberTold(text: string, ours: string, theirs: Reading): Told | undefined {
  if (theirs.kind !== "number" || theirs.shown !== ours) {
    return {
      summary: `\`${shortenName(text)}\` is passed on as the number ${shortenName(ours)}; ` +
        theirsTold(theirs),
    };
  }
  // If both read the same value, warn if its spelling differs from it: a version 1.10, a phone
  // number +33…
  const whole = text.replace(/^\./, "0.").replace(/\.$/, ".0");
  if (theirs.base !== undefined || whole === ours) return undefined;
  return { summary: `\`${shortenName(text)}\` is the number ${shortenName(ours)}` };
}

function theirsTold(theirs: Reading): string {
  const before = "in its own files, which are YAML 1.1, Ansible would read ";
  switch (theirs.kind) {
    case "number":
      return `${before}the number ${shortenName(theirs.shown)}` +
        (theirs.base === undefined ? "" : ` (${theirs.base})`);
    case "boolean":
      return `${before}the boolean ${theirs.shown}`;
    case "date":
      return `${before}a date`;
    case "nothing":
      return `${before}nothing (null)`;
    case "error":
      return `${before}no value at all, and stop`;
    case "text":
      return `${before}a text`;
  }
}

/** True if the value has no quotes and is not a block: the first character shows that. */
function isPlain({ source, start, end }: Span): boolean {
  return start < end && !/["'|>]/.test(source.text[start] ?? '"');
}

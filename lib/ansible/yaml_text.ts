import type { Value } from "../infra/infra.ts";

/** Widest line written for a long string; ansible-lint allows 160. */
const WIDTH = 100;
/** Words that YAML 1.1, which Ansible reads, takes for a boolean or for nothing, or a reader for a number (`E0`). */
const WORDS = /^(y|n|yes|no|on|off|true|false|null|e\d+)$/i;

/**
 * What YAML 1.1 takes for something else than a string, or nearly: Ansible 2.19 does so under
 * `!unsafe` even where it is quoted. No template is among it, so quotes alone will do.
 */
const RESOLVED =
  /^(|~|<<|=|y|n|yes|no|on|off|true|false|null|[-+]?\.(inf|nan)|[-+.]*\d[\da-fox_.:tz \t+-]*)$/i;

/**
 * One `key: value` in block style, for Ansible's YAML 1.1 parser; ends with "\n".
 *
 * Strings are `!unsafe`: they come from the user's `infra.yml` as data, and Ansible must not run a
 * `{{ }}` in them. An empty list or map is written `[]` or `{}`, as block style has no other way.
 *
 * @param indent spaces before the key
 */
export function yamlEntry(key: string, value: Value, indent = 0): string {
  return `${" ".repeat(indent)}${yamlWord(key)}:${entryValue(value, indent)}`;
}

/**
 * A string of our own making (a name, an address, a path), quoted only where YAML would take it for
 * something else.
 */
export function yamlWord(text: string): string {
  return /^[A-Za-z_/][\w./@-]*$/.test(text) && !WORDS.test(text) ? text : quoted(text, 0);
}

function entryValue(value: Value, indent: number): string {
  if (Array.isArray(value)) {
    if (value.length === 0) return " []\n";
    return "\n" + value.map((item: Value) => listItem(item, indent + 2)).join("");
  }
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value);
    if (entries.length === 0) return " {}\n";
    return "\n" + entries.map(([key, item]) => yamlEntry(key, item as Value, indent + 2)).join("");
  }
  return ` ${scalar(value as string | number | boolean | null, indent + 2)}\n`;
}

function listItem(item: Value, indent: number): string {
  const nested = typeof item === "object" && item !== null &&
    (Array.isArray(item) ? item : Object.keys(item)).length > 0;
  if (!nested) return `${" ".repeat(indent)}-${entryValue(item, indent)}`;
  // The first line of what is nested stands on the dash's own line.
  const text = entryValue(item, indent).slice(1);
  return `${" ".repeat(indent)}- ${text.slice(indent + 2)}`;
}

function scalar(value: string | number | boolean | null, indent: number): string {
  if (typeof value === "string") {
    return `${RESOLVED.test(value) ? "" : "!unsafe "}${quoted(value, indent)}`;
  }
  if (typeof value === "number") return number(value);
  return String(value);
}

/** YAML 1.1 wants a dot and a sign in a float: `1e+21` would be a string. */
function number(value: number): string {
  if (Number.isNaN(value)) return ".nan";
  if (!Number.isFinite(value)) return value > 0 ? ".inf" : "-.inf";
  if (Object.is(value, -0)) return "-0.0";
  const text = String(value);
  return text.includes("e") && !text.includes(".") ? text.replace("e", ".0e") : text;
}

/** Double-quoted, folded with `\` at line ends where it is long; every reader gives it back as it is. */
function quoted(text: string, indent: number): string {
  const pieces = [...text].map(escaped);
  const lines: string[] = [];
  let line = "";
  for (const piece of pieces) {
    if (line.length + piece.length > WIDTH - indent) {
      lines.push(line);
      // Blanks at the start of a continued line are not part of the string unless escaped.
      line = piece === " " ? "\\ " : piece;
    } else {
      line += piece;
    }
  }
  lines.push(line);
  return `"${lines.join(`\\\n${" ".repeat(indent)}`)}"`;
}

function escaped(character: string): string {
  const short = SHORT.get(character);
  if (short !== undefined) return short;
  const code = character.codePointAt(0) ?? 0;
  // Half of a surrogate pair is no character: YAML cannot say it and Ansible cannot encode it.
  if (code >= 0xd800 && code <= 0xdfff) return "\\uFFFD";
  const printable = (code >= 0x20 && code <= 0x7e) || (code >= 0xa0 && code <= 0xfffd) ||
    code > 0xffff;
  if (printable && code !== 0x2028 && code !== 0x2029 && code !== 0xfeff) return character;
  return `\\u${code.toString(16).toUpperCase().padStart(4, "0")}`;
}

const SHORT = new Map([['"', '\\"'], ["\\", "\\\\"], ["\n", "\\n"], ["\t", "\\t"], ["\r", "\\r"]]);

import { type Variable, WholeFloat } from "../infra/infra.ts";
import { floatText } from "../infra/yaml/yaml_1_1.ts";

/** Longest line written for a long string; ansible-lint allows 160. */
const WIDTH = 100;
/** Least width of a line, at any depth. */
const NARROWEST = 20;
/**
 * Words that YAML 1.1, which Ansible reads, parses as a boolean or null, or that some readers parse
 * as a number (`E0`).
 */
const WORDS = /^(y|n|yes|no|on|off|true|false|null|e\d+)$/i;

/**
 * Texts that YAML 1.1 parses as something else than a string, or nearly. Ansible 2.19 does so under
 * `!unsafe` even if they are quoted, and its patterns ignore a line break at the end. None of them
 * is a template, so quotes alone are enough.
 */
const RESOLVED =
  /^(|[~=!&*]|<<|y|n|yes|no|on|off|true|false|null|[-+]?\.(inf|nan)|[-+._]*[\d_][\da-fox_.:tz \t+-]*)\n?$/i;

/**
 * Returns one `key: value` in block style, for Ansible's YAML 1.1 parser; ends with "\n".
 *
 * Strings are `!unsafe`, keys too: they come from the user's `infra.yml` as data, and Ansible must
 * not run a `{{ }}` in them. An empty list or map is written `[]` or `{}`: block style has no other
 * way.
 *
 * @param indent spaces before the key
 */
export function yamlEntry(key: string, value: Variable, indent = 0): string {
  const pad = " ".repeat(indent);
  const simple = PLAIN.test(key) && !WORDS.test(key) ? key : `${unsafe(key)}${inQuotes(key)}`;
  if (simple.length <= WIDTH) return `${pad}${simple}:${entryValue(value, indent)}`;
  // A key before a colon must be on one line and have at most 1,024 characters.
  const folded = `${unsafe(key)}${quoted(key, indent + 2)}`;
  return `${pad}? ${folded}\n${pad}:${entryValue(value, indent)}`;
}

/**
 * Returns a string of our own (a name, an address, a path), quoted only if YAML would parse it as
 * something else.
 */
export function yamlWord(text: string): string {
  return PLAIN.test(text) && !WORDS.test(text) ? text : inQuotes(text);
}

const PLAIN = /^[A-Za-z_/][\w./@-]*$/;

function entryValue(value: Variable, indent: number): string {
  if (!isNested(value)) return ` ${scalar(value, indent + 2)}\n`;
  if (Array.isArray(value)) {
    if (value.length === 0) return " []\n";
    return "\n" + value.map((item: Variable) => listItem(item, indent + 2)).join("");
  }
  const entries = Object.entries(value);
  if (entries.length === 0) return " {}\n";
  return "\n" + entries.map(([key, item]) => yamlEntry(key, item, indent + 2)).join("");
}

function listItem(item: Variable, indent: number): string {
  if (!isNested(item) || (Array.isArray(item) ? item : Object.keys(item)).length === 0) {
    return `${" ".repeat(indent)}-${entryValue(item, indent)}`;
  }
  // The first line of a nested value is on the line of the dash.
  const text = entryValue(item, indent).slice(1);
  return `${" ".repeat(indent)}- ${text.slice(indent + 2)}`;
}

type Nested = readonly Variable[] | { readonly [key: string]: Variable };

function isNested(value: Variable): value is Nested {
  return typeof value === "object" && value !== null && !(value instanceof WholeFloat);
}

function scalar(value: Exclude<Variable, Nested>, indent: number): string {
  if (typeof value === "string") return `${unsafe(value)}${quoted(value, indent)}`;
  if (value instanceof WholeFloat) return floatText(value.value);
  if (typeof value === "number" && !isWhole(value)) return floatText(value);
  return String(value);
}

/** True for a whole number. Beyond 2^53, and as -0, a JavaScript number is a float. */
function isWhole(value: number): boolean {
  return Number.isSafeInteger(value) && !Object.is(value, -0);
}

function unsafe(text: string): string {
  return RESOLVED.test(text) ? "" : "!unsafe ";
}

/** Returns the text double-quoted, on one line. */
function inQuotes(text: string): string {
  return `"${[...text].map(escaped).join("")}"`;
}

/**
 * Returns the text double-quoted, folded with `\` at line ends if it is long; each reader restores
 * the same text.
 */
function quoted(text: string, indent: number): string {
  const pieces = [...text].map(escaped);
  const width = Math.max(NARROWEST, WIDTH - indent);
  const lines: string[] = [];
  let line = "";
  for (const piece of pieces) {
    if (line.length + piece.length > width) {
      lines.push(line);
      // Spaces at the start of a continued line are not part of the string unless escaped.
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
  // Half of a surrogate pair is no character: YAML cannot write it, Ansible cannot encode it, and
  // infra.yml with it is refused.
  if (code >= 0xd800 && code <= 0xdfff) throw new TypeError("half a surrogate pair");
  const printable = (code >= 0x20 && code <= 0x7e) || (code >= 0xa0 && code <= 0xfffd) ||
    code > 0xffff;
  if (printable && code !== 0x2028 && code !== 0x2029 && code !== 0xfeff) return character;
  return `\\u${code.toString(16).toUpperCase().padStart(4, "0")}`;
}

const SHORT = new Map([['"', '\\"'], ["\\", "\\\\"], ["\n", "\\n"], ["\t", "\\t"], ["\r", "\\r"]]);

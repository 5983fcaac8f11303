/**
 * The meaning of a plain scalar (without quotes) in YAML 1.1 as PyYAML reads it; Ansible reads its
 * own files with PyYAML. infra.yml is YAML 1.2, so some words have different meanings in the two.
 *
 * Source of the forms: https://yaml.org/type/ (bool, float, int, null, timestamp, value, merge),
 * without the forms that PyYAML does not support: it reads `y` and `n` as texts, and an exponent
 * needs a point before it and a sign.
 */
export type Reading =
  | { readonly kind: "text" | "nothing" | "error" }
  /** `shown` is the value in a form that both YAML versions read the same. */
  | { readonly kind: "boolean" | "date"; readonly shown: string }
  | { readonly kind: "number"; readonly shown: string; readonly base?: string };

const BOOLEANS =
  /^(?:(yes|Yes|YES|true|True|TRUE|on|On|ON)|no|No|NO|false|False|FALSE|off|Off|OFF)$/;
const NOTHING = /^(?:~|null|Null|NULL|)$/;
const DECIMAL = /^[-+]?(?:0|[1-9][\d_]*)$/;
const OTHER_BASES = [
  { form: /^([-+]?)0b([01_]+)$/, prefix: "0b", base: "binary" },
  { form: /^([-+]?)0([0-7_]+)$/, prefix: "0o", base: "octal" },
  { form: /^([-+]?)0x([\da-fA-F_]+)$/, prefix: "0x", base: "hexadecimal" },
] as const;
const FLOAT =
  /^(?:[-+]?\d[\d_]*\.[\d_]*(?:[eE][-+]\d+)?|\.\d[\d_]*(?:[eE][-+]\d+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/;
const SEXAGESIMAL = /^[-+]?\d[\d_]*(?::[0-5]?\d)+(?:\.[\d_]*)?$/;
const DATE =
  /^\d{4}-\d\d-\d\d$|^\d{4}-\d\d?-\d\d?(?:[Tt]|[ \t]+)\d\d?:\d\d:\d\d(?:\.\d*)?(?:[ \t]*(?:Z|[-+]\d\d?(?::?\d\d)?))?$/;

export function readAsYaml11(text: string): Reading {
  const boolean = BOOLEANS.exec(text);
  if (boolean !== null) {
    return { kind: "boolean", shown: String(boolean[1] !== undefined) };
  }
  if (NOTHING.test(text)) return { kind: "nothing" };
  // `!`, `&` and `*` alone are not plain scalars.
  if (text === "=" || text === "<<") return { kind: "error" };
  if (DATE.test(text)) return { kind: "date", shown: text };
  return readNumber(text) ?? { kind: "text" };
}

function readNumber(text: string): Reading | undefined {
  const digits = text.replaceAll("_", "");
  if (DECIMAL.test(text)) return { kind: "number", shown: integerText(digits) };
  for (const { form, prefix, base } of OTHER_BASES) {
    const [, sign, rest = ""] = form.exec(text) ?? [];
    if (sign === undefined) continue;
    const bare = rest.replaceAll("_", "");
    // `0x_` has the form of a number, but no reader can convert it.
    if (bare === "") return base === "octal" ? { kind: "number", shown: "0" } : { kind: "error" };
    const value = BigInt(prefix + bare);
    return { kind: "number", shown: String(sign === "-" ? -value : value), base };
  }
  if (FLOAT.test(text)) return { kind: "number", shown: floatText(floatOf(digits)) };
  if (SEXAGESIMAL.test(text)) return sexagesimal(digits);
  return undefined;
}

/** Base 60: `12:30` is 750. It can start with a zero only if it has a point. */
function sexagesimal(text: string): Reading | undefined {
  const isFloat = text.includes(".");
  if (!isFloat && /^[-+]?0/.test(text)) return undefined;
  const sign = text.startsWith("-") ? -1 : 1;
  const value = text.replace(/^[-+]/, "").split(":")
    .reduce((sum, part) => sum * 60 + Number(part), 0) * sign;
  return { kind: "number", shown: isFloat ? floatText(value) : String(value), base: "base 60" };
}

function floatOf(text: string): number {
  const word = text.toLowerCase();
  if (word.endsWith(".inf")) return word.startsWith("-") ? -Infinity : Infinity;
  return word === ".nan" ? NaN : Number(word);
}

/**
 * Returns an integer without an unnecessary sign. `-0` is 0, because integers have no negative
 * zero.
 */
export function integerText(text: string): string {
  return String(BigInt(text.replace(/^\+/, "")));
}

/**
 * Returns a float in a form that both YAML versions read as a float: with a point, and with a sign
 * in the exponent.
 */
export function floatText(value: number): string {
  if (Number.isNaN(value)) return ".nan";
  if (!Number.isFinite(value)) return value > 0 ? ".inf" : "-.inf";
  const text = Object.is(value, -0) ? "-0" : String(value);
  const [mantissa = "", exponent] = text.split("e");
  const pointed = mantissa.includes(".") ? mantissa : `${mantissa}.0`;
  return exponent === undefined ? pointed : `${pointed}e${exponent}`;
}

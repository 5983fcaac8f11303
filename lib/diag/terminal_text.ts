/**
 * Characters that control a terminal or change the direction of the text: controls (C0, DEL, C1),
 * direction marks and overrides, line and paragraph separators, interlinear annotations.
 */
const CONTROL =
  // deno-lint-ignore no-control-regex -- they are what is looked for
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufff9-\ufffb]/g;

/**
 * Returns a text from outside (Incus, infra.yml, programs) on one line, with its control characters
 * escaped.
 */
export function printable(text: string): string {
  return text.replace(CONTROL, (character) => {
    if (character === "\n") return "\\n";
    if (character === "\t") return "\\t";
    return writtenOut(character);
  });
}

/**
 * Like `printable`, but keeps newlines and tabs. The meaning of JSON does not change, since such
 * characters occur there only inside strings.
 */
export function harmless(text: string): string {
  return text.replace(
    CONTROL,
    (character) => character === "\n" || character === "\t" ? character : writtenOut(character),
  );
}

function writtenOut(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/**
 * Replaces the escape character in anklume's own colours. It consists of private-use characters
 * that are random for each process, so no data can contain it. `lib/host/terminal.ts` turns it into
 * an escape character and escapes every other one.
 */
export const INK = Array.from(
  crypto.getRandomValues(new Uint16Array(4)),
  (number) => String.fromCharCode(0xe000 + number % 0x1900),
).join("");

/** Returns the text as it is seen: colour codes have no width. */
export function withoutColors(text: string): string {
  return text.replace(COLOR, "");
}

const COLOR = new RegExp(`(?:\\u001b|${INK})\\[[0-9;]*m`, "g");

/**
 * Characters that steer a terminal or turn the text around: controls (C0, DEL, C1), marks and overrides of direction, line and
 * paragraph separators, interlinear annotations.
 */
const CONTROL =
  // deno-lint-ignore no-control-regex -- they are what is looked for
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufff9-\ufffb]/g;

/** Text from outside (Incus, infra.yml, programs) on one line, its control characters written out. */
export function printable(text: string): string {
  return text.replace(CONTROL, (character) => {
    if (character === "\n") return "\\n";
    if (character === "\t") return "\\t";
    return writtenOut(character);
  });
}

/** The same, but newlines and tabs stay. In JSON, where such a character stands in a string only, it means the same as before. */
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
 * Stands for the escape character in colours of our own: characters for private use, drawn anew by every process, so that no data can
 * contain it. `lib/host/terminal.ts` turns it into an escape, and writes every other escape out.
 */
export const INK = Array.from(
  crypto.getRandomValues(new Uint16Array(4)),
  (number) => String.fromCharCode(0xe000 + number % 0x1900),
).join("");

/** As it is seen: colours take no room. */
export function withoutColors(text: string): string {
  return text.replace(COLOR, "");
}

const COLOR = new RegExp(`(?:\\u001b|${INK})\\[[0-9;]*m`, "g");

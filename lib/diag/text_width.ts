import fastStringWidth from "fast-string-width";

/** How many columns of a terminal a text takes, without tabs and escapes: 2 for `漢`, 0 for a combining accent. */
export function textWidth(text: string): number {
  return fastStringWidth(text);
}

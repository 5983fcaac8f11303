import { withoutColors } from "../diag/terminal_text.ts";
import { textWidth } from "../diag/text_width.ts";

export { printable, withoutColors } from "../diag/terminal_text.ts";

/** Cuts a text to `width` columns; a cut is marked with `...`. */
export function shortenLine(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  return width <= 3 ? cut(text, Math.max(width, 0)) : `${cut(text, width - 3)}...`;
}

/** The longest beginning of a text that fits, without half a character. */
function cut(text: string, width: number): string {
  let kept = "";
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    if (textWidth(kept + segment) > width) break;
    kept += segment;
  }
  return kept;
}

/**
 * Breaks prose between words into lines of at most `width`. A word longer than a line stays whole,
 * so that paths and names can be copied.
 */
export function wrap(text: string, width: number): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && textWidth(line) + 1 + textWidth(word) > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  lines.push(line);
  return lines.join("\n");
}

/**
 * Returns `prefix`, then the text wrapped beside it: later lines start below the text's first word.
 */
export function hang(prefix: string, text: string, width: number): string {
  const indent = textWidth(withoutColors(prefix));
  return prefix + wrap(text, width - indent).replaceAll("\n", `\n${" ".repeat(indent)}`);
}

/** Returns the message on standard error with which anklume stops, and its remedy. */
export function complaint(why: string, remedy: string, width: number): string {
  return `${hang("anklume: ", why, width)}\n${hang("         ", remedy, width)}\n`;
}

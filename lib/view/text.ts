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

/** Returns `1 machine`, `3 machines`. */
export function count(number: number, noun: string, plural = `${noun}s`): string {
  return `${number} ${number === 1 ? noun : plural}`;
}

/** Returns `0.4 s`, `12 s`, `3 min 05 s`. */
export function duration(ms: number): string {
  if (ms < 9_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, "0")} s`;
}

/** Returns `0 B`, `512 B`, `1.4 kB`, `20 MB`: decimal units. */
export function size(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), units.length - 1);
  const value = bytes / 1000 ** power;
  return `${power === 0 || value >= 10 ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
}

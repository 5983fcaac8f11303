import type { SourceRange } from "./diagnostic.ts";
import type { SourceFile } from "./source.ts";
import { textWidth } from "./text_width.ts";

/** One line of a text, ready for a terminal, and the part of it to underline. */
interface Excerpt {
  readonly line: number;
  /**
   * Tabs and control characters are made visible. A long line is cut around the underlined part.
   */
  readonly text: string;
  /** Columns of the terminal before the underline, and the length of the underline (at least 1). */
  readonly caretStart: number;
  readonly caretWidth: number;
}

interface ExcerptCell {
  readonly text: string;
  readonly width: number;
}

const ELLIPSIS: ExcerptCell = { text: "…", width: 1 };
/** At most this many columns of the underlined part count, so that its beginning stays in view. */
const SHOWN_CARET = 40;

/** Returns the first line of a range, at most `width` columns of it. */
export function excerpt(source: SourceFile, range: SourceRange, width: number): Excerpt {
  const line = source.line(range.start.line);
  const from = range.start.column - 1;
  const to = range.end.line === range.start.line ? range.end.column - 1 : line.length;
  // A part of the line is enough: a line may be a megabyte long.
  const first = Math.max(0, from - width);
  const cells: ExcerptCell[] = [];
  let caretAt = 0;
  let caretEnd = 0;
  let at = first;
  for (const character of line.slice(first, Math.min(line.length, from + 2 * width))) {
    if (at < from) caretAt = cells.length + 1;
    if (at < to) caretEnd = cells.length + 1;
    cells.push(cellOf(character));
    at += character.length;
  }
  const isCutAfter = at < line.length;
  return cut(cells, { caretAt, caretEnd: Math.max(caretAt, caretEnd), isCutAfter }, {
    line: range.start.line,
    isCutBefore: first > 0,
    width,
  });
}

function cut(
  cells: readonly ExcerptCell[],
  { caretAt, caretEnd, isCutAfter }: {
    readonly caretAt: number;
    readonly caretEnd: number;
    readonly isCutAfter: boolean;
  },
  { line, isCutBefore, width }: {
    readonly line: number;
    readonly isCutBefore: boolean;
    readonly width: number;
  },
): Excerpt {
  const wanted = Math.min(columns(cells, caretAt, caretEnd) + 1, SHOWN_CARET);
  let start = 0;
  // Moves right until the underlined part, and a little of the text after it, is in view.
  if (isCutBefore || columns(cells, 0, caretAt) + wanted > width) {
    let before = Math.max(0, width - wanted - 2);
    start = caretAt;
    while (start > 0 && before >= cells[start - 1]!.width) before -= cells[--start]!.width;
  }
  const shown: ExcerptCell[] = start > 0 || isCutBefore ? [ELLIPSIS] : [];
  const shift = shown.length - start;
  let used = shown.length;
  let index = start;
  for (; index < cells.length; index++) {
    const last = index === cells.length - 1 && !isCutAfter;
    const cell = cells[index]!;
    if (used + cell.width > width - (last ? 0 : 1)) break;
    shown.push(cell);
    used += cell.width;
  }
  const end = Math.min(caretEnd, index) + shift;
  if (index < cells.length || isCutAfter) shown.push(ELLIPSIS);
  return {
    line,
    text: shown.map((cell) => cell.text).join("").trimEnd(),
    caretStart: columns(shown, 0, caretAt + shift),
    caretWidth: Math.max(1, columns(shown, caretAt + shift, end)),
  };
}

function columns(cells: readonly ExcerptCell[], from: number, to: number): number {
  let width = 0;
  for (let index = from; index < to && index < cells.length; index++) width += cells[index]!.width;
  return width;
}

/**
 * Invisible characters, including bidirectional overrides. An excerpt shows them as the parser saw
 * them.
 */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/u;
function cellOf(character: string): ExcerptCell {
  if (character >= " " && character <= "~") return { text: character, width: 1 };
  if (character === "\t") return { text: "→   ", width: 4 };
  if (INVISIBLE.test(character)) {
    const text = `\\u${character.codePointAt(0)!.toString(16).padStart(4, "0")}`;
    return { text, width: text.length };
  }
  return { text: character, width: textWidth(character) };
}

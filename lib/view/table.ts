import { textWidth } from "../diag/text_width.ts";
import { shortenLine } from "./text.ts";

/** One cell: its plain text, and its colour, which is applied after padding. */
export interface Cell {
  readonly text: string;
  readonly paint?: (text: string) => string;
}

interface Column {
  readonly title: string;
  /** Least width of its text if the table is too wide; default: the whole text. */
  readonly least?: number;
}

const GAP = 2;

/**
 * Returns the lines of a table within `width` columns. Columns with `least` shrink, the widest
 * first. No trailing spaces, since lines end up in files and diffs.
 */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  width: number,
  heading: (text: string) => string = (text) => text,
): string[] {
  const widths = columns.map((column, index) =>
    Math.max(column.title.length, ...rows.map((row) => textWidth(row[index]?.text ?? "")))
  );
  shrink(columns, widths, width);
  const line = (cells: readonly Cell[]) => {
    const last = cells.findLastIndex((cell) => cell.text !== "");
    return cells.slice(0, last + 1).map((cell, index) => {
      const room = widths[index] ?? 0;
      const text = shortenLine(cell.text, room);
      const painted = cell.paint === undefined ? text : cell.paint(text);
      return index === last ? painted : painted + " ".repeat(room - textWidth(text) + GAP);
    }).join("");
  };
  return [
    line(columns.map((column) => ({ text: column.title, paint: heading }))),
    ...rows.map(line),
  ];
}

function shrink(columns: readonly Column[], widths: number[], width: number): void {
  const total = () => widths.reduce((sum, each) => sum + each, 0) + GAP * (widths.length - 1);
  const least = (index: number) =>
    Math.max(columns[index]?.least ?? Infinity, columns[index]?.title.length ?? 0);
  while (total() > width) {
    let widest = -1;
    for (const [index, each] of widths.entries()) {
      if (each > least(index) && each > (widths[widest] ?? 0)) widest = index;
    }
    if (widest < 0) return;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
}

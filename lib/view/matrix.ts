import type { CellState, Matrix } from "../verify/matrix.ts";
import type { Style } from "./style.ts";
import { hang, shorten } from "./text.ts";

const SIGNS: Readonly<Record<CellState, string>> = {
  closed: ".",
  open: "#",
  part: "+",
  leak: "!",
  blocked: "x",
  unknown: "?",
  unprobed: " ",
};
const WORDS: Readonly<Record<CellState, string>> = {
  closed: "closed",
  part: "open for what infra.yml says",
  open: "open",
  leak: "LEAK",
  blocked: "BLOCKED",
  unknown: "cannot be told",
  unprobed: "not probed",
};
/** Most a name may take of a row. */
const NAME_WIDTH = 24;

/** Whether the matrix fits a screen of that many columns. */
export function fits({ from, to }: Matrix, width: number): boolean {
  return nameWidth(from) + to.length * cellWidth(to) <= width;
}

/** Rows are who begins, columns are whom they try to reach, by number. */
export function matrixText(matrix: Matrix, style: Style): string {
  const { colors } = style;
  const { from, to, cells } = matrix;
  const [names, cell] = [nameWidth(from), cellWidth(to)];
  const label = (name: string, i: number) =>
    i < to.length - 2 ? String(i + 1) : name === "host" ? "H" : "O";
  const head = " ".repeat(names) + to.map((name, i) => label(name, i).padStart(cell)).join("");
  const rows = from.map((name, row) => {
    const number = label(name, row);
    const title = `${number.padStart(cell - 1)} ${shorten(name, NAME_WIDTH)}`.padEnd(names);
    return title + (cells[row] ?? []).map((state) => paint(state, cell, style)).join("");
  });
  const used = new Set(cells.flat());
  const legend = (Object.keys(WORDS) as CellState[])
    .filter((state) => used.has(state) && state !== "unprobed")
    .map((state) => `${SIGNS[state]} ${WORDS[state]}`).join("   ");
  return [
    colors.bold(head),
    ...rows,
    "",
    colors.dim(
      hang("", `from the row to the column (H host, O outside):   ${legend}`, style.width),
    ),
    "",
  ].join("\n");
}

function paint(state: CellState, width: number, { colors }: Style): string {
  const text = SIGNS[state].padStart(width);
  switch (state) {
    case "closed":
    case "unprobed":
      return colors.dim(text);
    case "open":
    case "part":
      return colors.green(text);
    case "unknown":
      return colors.yellow(text);
    case "leak":
    case "blocked":
      return colors.bold(colors.red(text));
  }
}

function nameWidth(names: readonly string[]): number {
  const longest = Math.max(...names.map(({ length }) => length));
  return Math.min(longest, NAME_WIDTH) + cellWidth(names) + 1;
}

function cellWidth({ length }: readonly string[]): number {
  return String(length).length + 1;
}

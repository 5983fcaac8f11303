import type { CellState, Matrix } from "../verify/matrix.ts";
import type { Style } from "./style.ts";
import { table } from "./table.ts";
import { shortenLine, wrap } from "./text.ts";

/** The word of a state in a small matrix, its sign in a large one, and its meaning. */
const STATES: Readonly<Record<CellState, readonly [word: string, sign: string, says: string]>> = {
  closed: ["closed", ".", "nothing gets through, as infra.yml says"],
  part: ["partly", "+", "only what infra.yml opens gets through (on the host also DNS)"],
  open: ["open", "#", "everything gets through, as infra.yml says"],
  leak: ["LEAK", "!", "something gets through that nothing in infra.yml opens"],
  blocked: ["BLOCKED", "x", "something that infra.yml opens does not get through"],
  unknown: ["unknown", "?", "the result of the packets could not be seen"],
  unprobed: ["none", "-", "no pair of machines to probe"],
};
/** Most columns that a name may take of a row. */
const NAME_WIDTH = 24;
const CORNER = "from \\ to";

/** True if the matrix fits a screen of that many columns. */
export function fits({ from, to }: Matrix, width: number): boolean {
  return nameWidth(from) + to.length * cellWidth(to) <= width;
}

/**
 * Returns the matrix. Rows are senders, columns are targets: by name if they fit, else by number.
 */
export function matrixText(matrix: Matrix, style: Style): string {
  const named = namedRows(matrix, style);
  const lines = named.every(({ length }) => length <= style.width)
    ? [...namedRows(matrix, style, true), "", ...legend(matrix, "word", style)]
    : [
      ...numberedRows(matrix, style),
      "",
      wrap("Column numbers are row numbers; H is the host, O the outside.", style.width),
      ...legend(matrix, "sign", style),
    ];
  return [...lines, ""].join("\n");
}

function namedRows({ from, to, cells }: Matrix, style: Style, painted = false): string[] {
  const columns = [CORNER, ...to].map((title) => ({ title }));
  const rows = from.map((name, row) => [
    { text: shortenLine(name, NAME_WIDTH) },
    ...(cells[row] ?? []).map((state) => ({
      text: STATES[state][0],
      ...(painted ? { paint: (text: string) => paint(state, text, style) } : {}),
    })),
  ]);
  return table(columns, rows, style.width, painted ? style.colors.bold : undefined);
}

function numberedRows({ from, to, cells }: Matrix, style: Style): string[] {
  const [names, cell] = [nameWidth(from), cellWidth(to)];
  const label = (name: string, i: number) =>
    i < to.length - 2 ? String(i + 1) : name === "host" ? "H" : "O";
  const head = CORNER.padEnd(names) + to.map((name, i) => label(name, i).padStart(cell)).join("");
  const rows = from.map((name, row) => {
    const title = `${label(name, row).padStart(cell - 1)} ${shortenLine(name, NAME_WIDTH)}`;
    return title.padEnd(names) +
      (cells[row] ?? []).map((state) => paint(state, STATES[state][1].padStart(cell), style))
        .join("");
  });
  return [style.colors.bold(head), ...rows];
}

/** Returns the meaning of the states shown, with their words, or with signs and words. */
function legend({ cells }: Matrix, by: "word" | "sign", style: Style): string[] {
  const used = new Set(cells.flat());
  const shown = (Object.keys(STATES) as CellState[]).filter((state) => used.has(state));
  const width = Math.max(...shown.map((state) => STATES[state][0].length));
  return shown.map((state) => {
    const [word, sign, says] = STATES[state];
    const title = by === "word" ? word.padEnd(width) : `${sign}  ${word.padEnd(width)}`;
    return `  ${paint(state, title, style)}  ${style.colors.dim(says)}`;
  });
}

function paint(state: CellState, text: string, { colors }: Style): string {
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
  return Math.max(Math.min(longest, NAME_WIDTH) + cellWidth(names), CORNER.length) + 1;
}

function cellWidth({ length }: readonly string[]): number {
  return String(length).length + 1;
}

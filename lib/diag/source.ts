import type { Position, SourceRange } from "./diagnostic.ts";

/** One text that was read, with the file name that its diagnostics show. */
export interface SourceText {
  /** Relative to the workspace: `infra.yml`, `infra/domains/pro.yml`. */
  readonly file: string;
  readonly text: string;
}

/** Converts offsets of one text into positions. A byte order mark at the start does not count. */
export class SourceFile {
  readonly file: string;
  /** The text without its byte order mark. */
  readonly text: string;
  readonly #lineStarts: number[] = [0];

  constructor(source: SourceText) {
    this.file = source.file;
    this.text = source.text.startsWith("\uFEFF") ? source.text.slice(1) : source.text;
    for (let at = this.text.indexOf("\n"); at !== -1; at = this.text.indexOf("\n", at + 1)) {
      this.#lineStarts.push(at + 1);
    }
  }

  /** Returns the position of an offset. An offset past the end gives the end. */
  position(offset: number): Position {
    const at = Math.max(0, Math.min(offset, this.text.length));
    let low = 0;
    let high = this.#lineStarts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#lineStarts[middle]! <= at) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: at - this.#lineStarts[low]! + 1 };
  }

  range(start: number, end: number): SourceRange {
    return {
      file: this.file,
      start: this.position(start),
      end: this.position(Math.max(start, end)),
    };
  }

  /** Returns a line without its line break; an empty text if there is no such line. */
  line(number: number): string {
    const start = this.#lineStarts[number - 1];
    if (start === undefined) return "";
    const next = this.#lineStarts[number];
    const line = this.text.slice(start, next === undefined ? this.text.length : next - 1);
    return line.endsWith("\r") ? line.slice(0, -1) : line;
  }
}

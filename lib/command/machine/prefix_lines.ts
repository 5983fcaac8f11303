/** Passes the bytes of a stream on as whole lines with a prefix. */
export interface PrefixedLines {
  take(bytes: Uint8Array): void;
  /** Passes on the text after the last newline, with a newline. */
  end(): void;
}

/**
 * Longest line in characters. A longer one continues on a line of its own, with the prefix: a
 * program that never ends a line must not fill the memory.
 */
export const LONGEST_LINE = 64 * 1024;

/**
 * Without a prefix, the text is passed on as it comes. With one, a carriage return ends a line too:
 * the text after it would overwrite the prefix.
 */
export function prefixLines(prefix: string, write: (text: string) => void): PrefixedLines {
  const decoder = new TextDecoder();
  let rest: string[] = [];
  let length = 0;
  const put = (text: string): void => {
    if (prefix === "") {
      if (text !== "") write(text);
      return;
    }
    rest.push(text);
    length += text.length;
    // The earlier text of a long line is not searched again.
    if (!/[\r\n]/.test(text) && length <= LONGEST_LINE) return;
    const whole = rest.join("");
    // A carriage return at the end may belong to the next newline; several count as one.
    const said = whole.replace(/\r+$/, "");
    const held = said === whole ? "" : "\r";
    const lines = said.split(/\r*\n|\r+/).flatMap(pieces);
    const last = (lines.pop() ?? "") + held;
    rest = [last];
    length = last.length;
    if (lines.length > 0) write(lines.map((line) => `${prefix}${line}\n`).join(""));
  };
  return {
    take: (bytes) => put(decoder.decode(bytes, { stream: true })),
    end: () => {
      put(decoder.decode());
      const last = rest.join("").replace(/\r+$/, "");
      if (last !== "") write(`${prefix}${last}\n`);
      rest = [];
    },
  };
}

function pieces(line: string): string[] {
  if (line.length <= LONGEST_LINE) return [line];
  return line.match(new RegExp(`[^]{1,${LONGEST_LINE}}`, "gu")) ?? [];
}

/** Bytes of a stream, handed on as whole lines with a prefix. */
interface PrefixedLines {
  take(bytes: Uint8Array): void;
  /** What stands after the last newline gets one. */
  end(): void;
}

/** A line that is longer goes on in a line of its own, with the prefix: who never ends one fills no memory. */
export const LONGEST_LINE = 64 * 1024;

/**
 * Without a prefix the text is handed on as it comes. With one a carriage return ends a line too: what follows it would be
 * written over the prefix.
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
    // Of a very long line what is there already is not looked through again.
    if (!/[\r\n]/.test(text) && length <= LONGEST_LINE) return;
    const whole = rest.join("");
    // A carriage return at the end may belong to the newline that comes next; several are as good as one.
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

/** Bytes of a stream, handed on as whole lines with a prefix. */
export interface PrefixedLines {
  take(bytes: Uint8Array): void;
  /** What stands after the last newline gets one. */
  end(): void;
}

/** Without a prefix the text is handed on as it comes. */
export function prefixLines(prefix: string, write: (text: string) => void): PrefixedLines {
  const decoder = new TextDecoder();
  let rest = "";
  const put = (text: string): void => {
    if (prefix === "") {
      if (text !== "") write(text);
      return;
    }
    // Of a very long line what is there already is not looked through again.
    if (!text.includes("\n")) {
      rest += text;
      return;
    }
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    if (lines.length > 0) write(lines.map((line) => `${prefix}${line}\n`).join(""));
  };
  return {
    take: (bytes) => put(decoder.decode(bytes, { stream: true })),
    end: () => {
      put(decoder.decode());
      if (rest !== "") write(`${prefix}${rest}\n`);
      rest = "";
    },
  };
}

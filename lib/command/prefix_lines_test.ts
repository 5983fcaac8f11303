import assert from "node:assert/strict";
import { prefixLines } from "./prefix_lines.ts";

function prefixed(prefix: string, pieces: readonly Uint8Array[]): string {
  let text = "";
  const lines = prefixLines(prefix, (part) => text += part);
  for (const piece of pieces) lines.take(piece);
  lines.end();
  return text;
}

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("prefixLines() hands on whole lines only, however the bytes are cut", () => {
  const text = bytes("one\nzwölf\n\nend");
  const expected = "a | one\na | zwölf\na | \na | end\n";
  assert.equal(prefixed("a | ", [text]), expected);
  for (let at = 0; at < text.length; at++) {
    assert.equal(prefixed("a | ", [text.subarray(0, at), text.subarray(at)]), expected);
  }
  assert.equal(prefixed("a | ", []), "");
});

Deno.test("prefixLines() without a prefix changes nothing", () => {
  assert.equal(prefixed("", [bytes("no newline"), bytes(" at the end")]), "no newline at the end");
});

import assert from "node:assert/strict";
import { LONGEST_LINE, prefixLines } from "./prefix_lines.ts";

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

Deno.test("prefixLines() ends a line at a carriage return, so that nothing is written over a prefix", () => {
  const text = bytes("10%\r20%\r\nb | all is well\r\rx\r");
  const expected = "a | 10%\na | 20%\na | b | all is well\na | x\n";
  assert.equal(prefixed("a | ", [text]), expected);
  for (let at = 0; at < text.length; at++) {
    assert.equal(prefixed("a | ", [text.subarray(0, at), text.subarray(at)]), expected);
  }
});

Deno.test("prefixLines() holds no more than one long line", () => {
  let longest = 0;
  let length = 0;
  const lines = prefixLines("a | ", (part) => {
    length += part.length;
    for (const line of part.split("\n")) longest = Math.max(longest, line.length);
  });
  for (let n = 0; n < 64; n++) lines.take(bytes("x".repeat(10_000)));
  assert.ok(length > 500_000, `${length}`);
  assert.equal(longest, LONGEST_LINE + "a | ".length);
});

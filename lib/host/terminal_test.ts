import assert from "node:assert/strict";
import { INK } from "../diag/terminal_text.ts";
import { Terminal } from "./terminal.ts";

class Caught extends Terminal {
  said = "";

  override outBytes(bytes: Uint8Array): void {
    this.said += new TextDecoder().decode(bytes);
  }
}

function out(text: string): string {
  const terminal = new Caught();
  terminal.out(text);
  return terminal.said;
}

Deno.test("a Terminal lets through newlines, tabs and its own colours, and writes out every other control", () => {
  assert.equal(
    out(`a\tb\n${INK}[31mred${INK}[39m é 漢 👩‍👩‍👧\n`),
    "a\tb\n\u001b[31mred\u001b[39m é 漢 👩‍👩‍👧\n",
  );
  for (let code = 0; code < 0xffff; code++) {
    const text = out(String.fromCharCode(code));
    const control =
      // deno-lint-ignore no-control-regex -- they are what is looked for
      /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;
    assert.doesNotMatch(text, control, code.toString(16));
  }
  for (
    const evil of [
      "\u001b]52;c;eA==\u0007",
      "\u001b[2J",
      "\u001b[31m",
      "\u009b2J",
      "a\rb",
      "\u202e",
      "\u001bPq\u001b\\",
    ]
  ) {
    assert.equal(
      out(evil),
      [...evil].map((c) =>
        c > " " && c < "\u007f" ? c : `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`
      ).join(""),
    );
  }
});

Deno.test("JSON means the same after a Terminal wrote it", () => {
  const value = { text: "\u001b]0;x\u0007 \u009b \u202e \u2028 \t\r\n é \ud800" };
  const text = out(`${JSON.stringify(value, null, 2)}\n`);
  assert.deepEqual(JSON.parse(text), value);
  assert.match(text, /^[\n\x20-\x7eé]*$/);
});

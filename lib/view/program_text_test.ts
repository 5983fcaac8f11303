import assert from "node:assert/strict";
import { INK } from "../diag/terminal_text.ts";
import { programText } from "./program_text.ts";

function passed(pieces: readonly string[], colors = true): string {
  const take = programText(colors);
  return [...pieces, "\n"].map(take).join("").slice(0, -1).replaceAll(INK, "^");
}

Deno.test("programText() makes Ansible's colours ours, however they are cut, and no other sequence", () => {
  const text = "\u001b[0;32mok: [a]\u001b[0m\r\n\u001b[1;35mWARN\u001b[0m \u001b[38;5;9mx\u001b[0m";
  const shown = "^[0;32mok: [a]^[0m\n^[1;35mWARN^[0m ^[38;5;9mx^[0m";
  assert.equal(passed([text]), shown);
  for (let at = 0; at < text.length; at++) {
    assert.equal(passed([text.slice(0, at), text.slice(at)]), shown);
  }
  assert.equal(passed([...text]), shown);
  for (
    const other of [
      "\u001b[8m",
      "\u001b[0;30m",
      "\u001b[41m",
      "\u001b[2J",
      "\u001b[5m",
      "\u001b]0;x\u0007",
      "\u001b[0;32",
      "\u009b31m",
    ]
  ) {
    assert.equal(passed([other]), other);
    assert.equal(passed([...other]), other);
  }
});

Deno.test("programText() makes no colour where Ansible was told to draw none: it can only be a machine's", () => {
  assert.equal(passed(["\u001b[0;32mok\u001b[0m"], false), "\u001b[0;32mok\u001b[0m");
});

import assert from "node:assert/strict";
import { hang, printable, shortenLine, wrap } from "./text.ts";
import { count, duration } from "./number_text.ts";

Deno.test("printable() writes control characters out, so that data cannot steer the terminal", () => {
  assert.equal(printable("a\u001b[31mred\nb\tc\u202e"), "a\\u001b[31mred\\nb\\tc\\u202e");
  assert.equal(printable("Développement"), "Développement");
});

Deno.test("shorten() marks what it cut and never exceeds the width", () => {
  assert.equal(shortenLine("images:debian/13", 16), "images:debian/13");
  assert.equal(shortenLine("images:debian/13", 10), "images:...");
  assert.equal(shortenLine("abc", 2), "ab");
});

Deno.test("wrap() breaks between words and leaves a long word whole", () => {
  assert.equal(wrap("one two three four", 9), "one two\nthree\nfour");
  assert.equal(wrap("a/very/long/path b", 6), "a/very/long/path\nb");
});

Deno.test("hang() keeps what follows below the first word", () => {
  assert.equal(
    hang("Firewall  ", "not loaded at all", 20),
    "Firewall  not loaded\n          at all",
  );
  assert.equal(
    hang("\u001b[31mlab: \u001b[39m", "not loaded at all", 16),
    "\u001b[31mlab: \u001b[39mnot loaded\n     at all",
  );
});

Deno.test("count() and duration() read as a person would say them", () => {
  assert.equal(count(1, "machine"), "1 machine");
  assert.equal(count(0, "machine"), "0 machines");
  assert.equal(duration(412), "0.4 s");
  assert.equal(duration(12_400), "12 s");
  assert.equal(duration(185_000), "3 min 05 s");
});

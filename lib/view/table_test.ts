import assert from "node:assert/strict";
import { table } from "./table.ts";

const columns = [{ title: "MACHINE", least: 10 }, { title: "IP" }, { title: "IMAGE", least: 8 }];

Deno.test("table() aligns columns and leaves no trailing spaces", () => {
  const lines = table(columns, [
    [{ text: "pro-dev" }, { text: "10.120.0.1" }, { text: "images:debian/13" }],
    [{ text: "lab" }, { text: "" }, { text: "" }],
  ], 80);
  assert.deepEqual(lines, [
    "MACHINE  IP          IMAGE",
    "pro-dev  10.120.0.1  images:debian/13",
    "lab",
  ]);
});

Deno.test("table() shortens what may be shortened until it fits", () => {
  const long = "a".repeat(60);
  const lines = table(columns, [[{ text: long }, { text: "10.120.0.1" }, { text: long }]], 80);
  for (const line of lines) assert.ok(line.length <= 80, line);
  assert.match(lines[1] ?? "", /10\.120\.0\.1/);
});

Deno.test("table() paints after it has measured", () => {
  const paint = (text: string) => `<${text}>`;
  const lines = table(columns, [[{ text: "x", paint }, { text: "y" }, { text: "z" }]], 80);
  assert.equal(lines[1], "<x>        y   z");
});

Deno.test("table() lines up wide characters, accents and emoji, and cuts none of them in half", () => {
  const rows = ["漢字", "Zoe\u0301", "👩‍🏫", "plain"].map((name) => [{ text: name }, { text: "x" }]);
  const lines = table([{ title: "NAME" }, { title: "X" }], rows, 80);
  assert.deepEqual(lines, [
    "NAME   X",
    "漢字   x",
    "Zoe\u0301    x",
    "👩‍🏫     x",
    "plain  x",
  ]);
  const narrow = table([{ title: "NAME", least: 4 }, { title: "X" }], rows.slice(0, 1), 6);
  assert.equal(narrow[1], "漢字  x");
  assert.equal(table([{ title: "N", least: 5 }], [[{ text: "漢字漢字" }]], 5)[1], "漢...");
});

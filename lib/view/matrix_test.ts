import assert from "node:assert/strict";
import pc from "picocolors";
import type { Matrix } from "../verify/matrix.ts";
import { fits, matrixText } from "./matrix.ts";

const style = { colors: pc.createColors(false), width: 80 };

Deno.test("matrixText() numbers the columns and names the rows", () => {
  const matrix: Matrix = {
    from: ["pro", "lab", "host"],
    to: ["pro", "lab", "host", "outside"],
    cells: [
      ["open", "leak", "part", "closed"],
      ["closed", "blocked", "part", "unknown"],
      ["open", "open", "unprobed", "unprobed"],
    ],
  };
  assert.equal(
    matrixText(matrix, style),
    `        1 2 H O
1 pro   # ! + .
2 lab   . x + ?
H host  # #    

from the row to the column (H host, O outside):   . closed   + open for what
infra.yml says   # open   ! LEAK   x BLOCKED   ? cannot be told
`,
  );
});

Deno.test("the matrix of 20 domains fits 80 columns, of 40 it does not", () => {
  const of = (count: number): Matrix => {
    const names = Array.from({ length: count }, (_, i) => `domain-${i}`);
    const to = [...names, "host", "outside"];
    return { from: [...names, "host"], to, cells: to.map(() => to.map(() => "closed")) };
  };
  assert.ok(fits(of(20), 80));
  assert.ok(matrixText(of(20), style).split("\n").every((line) => line.length <= 80));
  assert.ok(!fits(of(40), 80));
});

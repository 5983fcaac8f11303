import assert from "node:assert/strict";
import pc from "picocolors";
import type { CellState, Matrix } from "../verify/matrix.ts";
import { fits, matrixText } from "./matrix.ts";

const style = { colors: pc.createColors(false), width: 80 };

/** A closed matrix, except between the machines of one domain and the cells in `other`. */
function matrixOf(
  names: readonly string[],
  other: Readonly<Record<string, CellState>> = {},
): Matrix {
  const [from, to] = [[...names, "host"], [...names, "host", "outside"]];
  const state = (row: string, column: string): CellState => {
    if (row === "host") return names.includes(column) ? "open" : "unprobed";
    return other[`${row} ${column}`] ?? (row === column ? "unprobed" : "closed");
  };
  return { from, to, cells: from.map((row) => to.map((column) => state(row, column))) };
}

Deno.test("matrixText() names rows and columns, and says each word that it uses", () => {
  const matrix = matrixOf(["pro", "lab"], {
    "pro pro": "open",
    "pro lab": "leak",
    "pro host": "part",
    "lab lab": "blocked",
    "lab host": "part",
    "lab outside": "unknown",
  });
  assert.equal(
    matrixText(matrix, style),
    `from \\ to  pro     lab      host    outside
pro        open    LEAK     partly  closed
lab        closed  BLOCKED  partly  unknown
host       open    open     none    none

  closed   nothing gets through, as infra.yml says
  partly   only what infra.yml opens gets through (on the host also DNS)
  open     everything gets through, as infra.yml says
  LEAK     something gets through that nothing in infra.yml opens
  BLOCKED  something that infra.yml opens does not get through
  unknown  the result of the packets could not be seen
  none     no pair of machines to probe
`,
  );
});

Deno.test("matrixText() numbers the columns of many domains", () => {
  const names = Array.from({ length: 12 }, (_, i) => `domain-${i + 1}`);
  assert.equal(
    matrixText(matrixOf(names, { "domain-2 domain-11": "part", "domain-12 host": "leak" }), style),
    `from \\ to      1  2  3  4  5  6  7  8  9 10 11 12  H  O
 1 domain-1    -  .  .  .  .  .  .  .  .  .  .  .  .  .
 2 domain-2    .  -  .  .  .  .  .  .  .  .  +  .  .  .
 3 domain-3    .  .  -  .  .  .  .  .  .  .  .  .  .  .
 4 domain-4    .  .  .  -  .  .  .  .  .  .  .  .  .  .
 5 domain-5    .  .  .  .  -  .  .  .  .  .  .  .  .  .
 6 domain-6    .  .  .  .  .  -  .  .  .  .  .  .  .  .
 7 domain-7    .  .  .  .  .  .  -  .  .  .  .  .  .  .
 8 domain-8    .  .  .  .  .  .  .  -  .  .  .  .  .  .
 9 domain-9    .  .  .  .  .  .  .  .  -  .  .  .  .  .
10 domain-10   .  .  .  .  .  .  .  .  .  -  .  .  .  .
11 domain-11   .  .  .  .  .  .  .  .  .  .  -  .  .  .
12 domain-12   .  .  .  .  .  .  .  .  .  .  .  -  !  .
 H host        #  #  #  #  #  #  #  #  #  #  #  #  -  -

Column numbers are row numbers; H is the host, O the outside.
  .  closed  nothing gets through, as infra.yml says
  +  partly  only what infra.yml opens gets through (on the host also DNS)
  #  open    everything gets through, as infra.yml says
  !  LEAK    something gets through that nothing in infra.yml opens
  -  none    no pair of machines to probe
`,
  );
});

Deno.test("the matrix of 20 domains fits 80 columns, of 40 it does not", () => {
  const of = (count: number) => matrixOf(Array.from({ length: count }, (_, i) => `domain-${i}`));
  assert.ok(fits(of(20), 80));
  for (const count of [1, 4, 5, 6, 7, 20]) {
    const text = matrixText(of(count), style);
    assert.ok(text.split("\n").every((line) => line.length <= 80), text);
  }
  assert.ok(!fits(of(40), 80));
});

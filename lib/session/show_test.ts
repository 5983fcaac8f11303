import assert from "node:assert/strict";
import pc from "picocolors";
import type { JsonLine } from "../view/json_lines.ts";
import type { LineView, View } from "../view/view.ts";
import type { Session } from "./session.ts";
import { show, tell } from "./show.ts";

const style = { colors: pc.createColors(false), width: 80 };

function recorder(stream = false) {
  const said: string[] = [];
  const lines: JsonLine[] = [];
  const session = {
    terminal: {
      out: (text: string) => said.push(`out ${text}`),
      err: (text: string) => said.push(`err ${text.split("\n")[0]}`),
    },
    out: style,
    err: style,
    signal: new AbortController().signal,
    ...(stream ? { emit: (line: JsonLine) => lines.push(line) } : {}),
  } as unknown as Session;
  return { said, lines, session };
}

function finding(summary: string) {
  return {
    diagnostics: [{ severity: "error", code: "X", summary }] as const,
    sources: [],
  };
}

const view: View<number> & LineView<number> = {
  text: (result) => `${result} in words`,
  json: (result) => `${result} in JSON`,
  line: (result) => ({ type: "number", result }),
  above: () => finding("first"),
  below: () => finding("last"),
};

Deno.test("show() gives people the text between its diagnostics, and programs only the JSON", async () => {
  const people = recorder();
  await show(view, 3, {}, people.session);
  assert.deepEqual(people.said, ["err error[X]: first", "out 3 in words", "err error[X]: last"]);
  const programs = recorder();
  await show(view, 3, { json: true }, programs.session);
  assert.deepEqual(programs.said, ["out 3 in JSON"]);
});

Deno.test("show() in a stream of lines prints one line and no document of its own", async () => {
  const { said, lines, session } = recorder(true);
  await show(view, 3, { json: true }, session);
  assert.deepEqual(lines, [{ type: "number", result: 3 }]);
  assert.ok(said.includes("out 3 in words") && !said.includes("out 3 in JSON"));
});

Deno.test("tell() gives people the text, and a stream the line as well", () => {
  const people = recorder();
  tell(view, 3, people.session);
  assert.ok(people.said.includes("out 3 in words"));
  const stream = recorder(true);
  tell(view, 3, stream.session);
  assert.deepEqual(stream.lines, [{ type: "number", result: 3 }]);
});

import assert from "node:assert/strict";
import pc from "picocolors";
import type { FoundMachine } from "../../live/find_machines.ts";
import type { Session } from "../../session/session.ts";
import { execJson, execLines } from "./exec_view.ts";

const style = { colors: pc.createColors(false), width: 80 };
const bytes = (text: string) => new TextEncoder().encode(text);
// Only the fields that are read.
const place = (name: string) =>
  ({ machine: { name }, domain: { trustLevel: "trusted" } }) as unknown as FoundMachine;

function recorder() {
  const said = { out: "", err: "" };
  const session = {
    terminal: {
      out: (text: string) => said.out += text,
      err: (text: string) => said.err += text,
    },
    out: style,
    err: style,
  } as unknown as Session;
  return { said, session };
}

Deno.test("execLines() writes each line as it comes, beside its machine, and names who failed", () => {
  const { said, session } = recorder();
  const view = execLines([place("pro-dev"), place("a")], session);
  const output = view.open(place("a"));
  output.stdout.take(bytes("one\ntw"));
  output.stderr.take(bytes("bad\n"));
  assert.deepEqual(said, { out: "a       | one\n", err: "a       | bad\n" });
  output.stdout.end();
  assert.equal(said.out, "a       | one\na       | tw\n");
  assert.deepEqual(output.kept(), { stdout: "", stderr: "" });
  view.end([
    { machine: "a", status: 3, ...output.kept() },
    { machine: "pro-dev", status: 0, ...output.kept() },
  ]);
  assert.match(said.err, /Failed in 1 of 2 machines: a \(3\)\n$/);
});

Deno.test("execJson() keeps the output, and prints one document at the end", () => {
  const { said, session } = recorder();
  const view = execJson(session);
  const output = view.open(place("a"));
  output.stdout.take(bytes("one\ntw"));
  output.stdout.end();
  assert.deepEqual(said, { out: "", err: "" });
  view.end([{ machine: "a", status: 3, ...output.kept() }]);
  assert.deepEqual(JSON.parse(said.out), {
    format: 1,
    results: [{ machine: "a", status: 3, stdout: "one\ntw", stderr: "" }],
  });
  assert.equal(said.err, "");
});

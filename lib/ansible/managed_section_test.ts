import assert from "node:assert/strict";
import fc from "fast-check";
import { CLOSING, findSection, mergeManaged, OPENING, userText } from "./managed_section.ts";

/** Returns the text of a merge that must succeed. */
function text(
  existing: string | undefined,
  body: string,
  syntax: "yaml" | "lines" = "yaml",
): string {
  const merge = mergeManaged(existing, body, syntax);
  assert.equal(merge.kind, "merged");
  return merge.kind === "merged" ? merge.text : "";
}

function problems(existing: string): string[] {
  const merge = mergeManaged(existing, "a: 1\n", "yaml");
  assert.equal(merge.kind, "damaged");
  return merge.kind === "damaged" ? merge.problems.map((p) => `${p.line}: ${p.summary}`) : [];
}

Deno.test("mergeManaged() creates a file that begins with a YAML document start", () => {
  const lines = text(undefined, "a: 1\nb: 2\n").split("\n");
  assert.deepEqual([lines[0], lines[1], ...lines.slice(3)], [
    "---",
    OPENING,
    "a: 1",
    "b: 2",
    CLOSING,
    "",
  ]);
  assert.match(lines[2] ?? "", /^# .* sha256:[0-9a-f]{16}$/);
});

Deno.test("mergeManaged() finds nothing to do the second time", () => {
  const merge = mergeManaged(text(undefined, "a: 1\n"), "a: 1\n", "yaml");
  assert.deepEqual(merge.kind === "merged" && merge.status, "unchanged");
});

Deno.test("mergeManaged() keeps what stands before and after the section byte for byte", () => {
  const before = "# mine\r\n\t \n";
  const after = "  trailing\nno: newline";
  const file = before + text(undefined, "a: 1\n", "lines") + after;
  const next = text(file, "a: 2\nb: 3\n");
  assert.ok(next.startsWith(before + OPENING));
  assert.ok(next.endsWith(CLOSING + "\n" + after));
  assert.ok(next.includes("a: 2\nb: 3\n") && !next.includes("a: 1"));
});

Deno.test("mergeManaged() puts the section on top of a file without markers", () => {
  const next = text("mine: 1\n", "a: 1\n");
  assert.ok(next.startsWith(`---\n${OPENING}\n`));
  assert.ok(next.endsWith(`${CLOSING}\nmine: 1\n`));
});

Deno.test("mergeManaged() puts the section after a document start of the user's", () => {
  const next = text("# mine\n---  # start\nmine: 1\n", "a: 1\n");
  assert.ok(next.startsWith(`# mine\n---  # start\n${OPENING}\n`));
  assert.equal(next.match(/^---/gm)?.length, 1);
});

Deno.test("mergeManaged() refuses a document start that carries content", () => {
  assert.deepEqual(problems("# x\n--- {a: 1}\n"), [
    "2: The line that begins the YAML document contains other text",
  ]);
});

Deno.test("mergeManaged() keeps a byte order mark in front", () => {
  const next = text("\ufeffmine: 1\n", "a: 1\n");
  assert.ok(next.startsWith(`\ufeff---\n${OPENING}\n`));
  assert.equal(next.split("\ufeff").length, 2);
  assert.equal(text(next, "a: 1\n"), next);
});

Deno.test("mergeManaged() writes the section with the file's own line ends", () => {
  const next = text("mine: 1\r\n", "a: 1\n");
  assert.ok(next.startsWith(`---\r\n${OPENING}\r\n`) && next.includes("a: 1\r\n"));
  const saved = text(undefined, "a: 1\n").replaceAll("\n", "\r\n");
  const merge = mergeManaged(saved, "a: 1\n", "yaml");
  assert.deepEqual(merge, { kind: "merged", text: saved, status: "unchanged" });
});

Deno.test("mergeManaged() reports a section that was edited by hand", () => {
  const edited = text(undefined, "a: 1\n").replace("a: 1", "a: 99");
  const merge = mergeManaged(edited, "a: 1\n", "yaml");
  assert.deepEqual(merge.kind === "merged" && merge.edited, { line: 2, body: "a: 99\n" });
  assert.equal(merge.kind === "merged" && merge.text, text(undefined, "a: 1\n"));
});

Deno.test("mergeManaged() reports no edit when only anklume's own content changed", () => {
  const merge = mergeManaged(text(undefined, "a: 1\n"), "a: 2\n", "yaml");
  assert.equal(merge.kind === "merged" && merge.edited, undefined);
});

Deno.test("mergeManaged() reports an edit when the line with the digest is gone", () => {
  const edited = text(undefined, "a: 1\n").replace(/^# .*sha256.*\n/m, "");
  const merge = mergeManaged(edited, "a: 2\n", "yaml");
  assert.deepEqual(merge.kind === "merged" && merge.edited, { line: 2, body: "a: 1\n" });
});

Deno.test("mergeManaged() never touches a wholly vaulted file", () => {
  const vaulted = "$ANSIBLE_VAULT;1.1;AES256\n6162\n";
  assert.deepEqual(mergeManaged(vaulted, "a: 1\n", "yaml"), { kind: "vaulted" });
});

Deno.test("mergeManaged() names every kind of damaged marker with its line", () => {
  assert.deepEqual(problems(`x: 1\n${OPENING}\na: 1\n`), [
    `2: "${CLOSING}" is missing after this line`,
  ]);
  assert.deepEqual(problems(`a: 1\n${CLOSING}\n`), [`2: "${OPENING}" is missing before this line`]);
  assert.deepEqual(problems(`${CLOSING}\n${OPENING}\n`), [
    `1: "${CLOSING}" comes before "${OPENING}"`,
  ]);
  const whole = `${OPENING}\n${CLOSING}\n`;
  assert.deepEqual(problems(whole + whole), [
    `3: "${OPENING}" is here a second time`,
    `4: "${CLOSING}" is here a second time`,
  ]);
  assert.deepEqual(problems(`  ${OPENING}\na: 1\n# END MANAGED\n`), [
    "1: This looks like a marker, but is not one",
    "3: This looks like a marker, but is not one",
  ]);
});

const line = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.constantFrom(
    "",
    "---",
    "key: 1",
    "# note",
    "  - item",
    "...",
    "%YAML 1.1",
    "--- # c",
    "\ufeff",
  ),
);
const userLines = fc.array(fc.tuple(line, fc.constantFrom("\n", "\r\n")), { maxLength: 6 })
  .map((lines) => lines.map(([text, end]) => text.replaceAll("\n", " ") + end).join(""));
const body = fc.array(fc.constantFrom("a: 1", "b: 2", "# c", "", "d:", "  - e"), { maxLength: 5 })
  .map((lines) => lines.map((text) => text + "\n").join(""));

Deno.test("the user's text survives any sequence of syncs, and the last one is repeatable", () => {
  fc.assert(
    fc.property(
      userLines,
      userLines,
      fc.string({ maxLength: 8 }),
      fc.array(body, { minLength: 1, maxLength: 4 }),
      (before, after, tail, bodies) => {
        const user = [before, `\n${after}${tail.replaceAll("\n", " ")}`] as const;
        let file = user[0] + text(undefined, "", "lines").trimEnd() + user[1];
        for (const body of bodies) {
          file = text(file, body);
          assert.equal(userText(file), user.join(""));
        }
        assert.equal(text(file, bodies.at(-1) ?? ""), file);
      },
    ),
  );
});

Deno.test("a file without markers keeps every byte when it gets a section", () => {
  fc.assert(
    fc.property(userLines, fc.string({ maxLength: 8 }), body, (lines, tail, body) => {
      const file = lines + tail.replaceAll("\n", " ");
      const merge = mergeManaged(file, body, "yaml");
      if (merge.kind === "damaged") return;
      assert.equal(merge.kind, "merged");
      if (merge.kind !== "merged") return;
      const found = findSection(merge.text);
      assert.ok(found !== undefined && !("problems" in found));
      if (found === undefined || "problems" in found) return;
      // Only our own line ends and a document start may be added.
      const rest = (found.before + found.after.replace(/^\r?\n/, "")).replace(
        /^(\ufeff?)---\r?\n/,
        "$1",
      );
      const mine = file.replace(/^(\ufeff?)---\r?\n/, "$1");
      assert.ok(rest === mine || rest === mine + "\n", JSON.stringify({ file, text: merge.text }));
    }),
  );
});

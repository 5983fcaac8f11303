import assert from "node:assert/strict";
import fc from "fast-check";
import { parse } from "yaml";
import { EditRefused, editYaml } from "./edit_yaml.ts";

const TEXT = `# of the owner
domains:
  pro:   # work
    machines:
      web:
        # how much
        config: { limits.cpu: "2", limits.memory: 1GiB } # tail
        profiles: [default, small]  # order counts
        description: 'The owner''s'

      db:
        config:
          limits.memory: 2GiB   # plenty
          # note
          limits.cpu: 2
        storage_volumes:
          data:
            path: /data
            size: "10GiB"
        profiles:
          - default
          - small
      # between
      empty:   # nothing yet
      prose:
        description: |  # long
          One
          Two
        state: running
`;

/** Returns the lines that an edit removes (`-`) and adds (`+`). */
function changed(path: string, value: Parameters<typeof editYaml>[1]["value"], text = TEXT) {
  const edit = { path: path.split("/"), ...(value === undefined ? {} : { value }) };
  const after = editYaml(text, edit);
  const [old, now] = [text.split("\n"), after.split("\n")];
  let start = 0;
  while (start < old.length && old[start] === now[start]) start++;
  let end = 0;
  while (
    end < old.length - start && end < now.length - start && old.at(-1 - end) === now.at(-1 - end)
  ) end++;
  return [
    ...old.slice(start, old.length - end).map((line) => `-${line}`),
    ...now.slice(start, now.length - end).map((line) => `+${line}`),
  ];
}

const MACHINES = "domains/pro/machines";

Deno.test("editYaml() changes a value and nothing beside it", () => {
  const cases: [string, Parameters<typeof editYaml>[1]["value"], string[]][] = [
    ["web/config/limits.memory", "2GiB", [
      '-        config: { limits.cpu: "2", limits.memory: 1GiB } # tail',
      '+        config: { limits.cpu: "2", limits.memory: 2GiB } # tail',
    ]],
    ["web/config/limits.cpu", "0-1", [
      '-        config: { limits.cpu: "2", limits.memory: 1GiB } # tail',
      '+        config: { limits.cpu: "0-1", limits.memory: 1GiB } # tail',
    ]],
    // A bare number stays bare. A text that looks like a number gets quotes.
    ["db/config/limits.cpu", "4", ["-          limits.cpu: 2", "+          limits.cpu: 4"]],
    ["db/config/limits.cpu", "0-3", ["-          limits.cpu: 2", "+          limits.cpu: 0-3"]],
    ["db/config/limits.memory", "4", [
      "-          limits.memory: 2GiB   # plenty",
      '+          limits.memory: "4"   # plenty',
    ]],
    ["web/description", "It's", [
      "-        description: 'The owner''s'",
      "+        description: 'It''s'",
    ]],
    ["prose/description", "a: b # c", [
      "-        description: |  # long",
      "-          One",
      "-          Two",
      '+        description: "a: b # c"  # long',
    ]],
    ["web/profiles", ["default", "big"], [
      "-        profiles: [default, small]  # order counts",
      "+        profiles: [default, big]  # order counts",
    ]],
    ["db/profiles", ["default", "small", "big"], ["+          - big"]],
  ];
  for (const [path, value, lines] of cases) {
    assert.deepEqual(changed(`${MACHINES}/${path}`, value), lines, path);
  }
});

Deno.test("editYaml() adds what is missing in the layout that is there", () => {
  const cases: [string, Parameters<typeof editYaml>[1]["value"], string[]][] = [
    ["web/config/limits.processes", "500", [
      '-        config: { limits.cpu: "2", limits.memory: 1GiB } # tail',
      '+        config: { limits.cpu: "2", limits.memory: 1GiB, limits.processes: "500" } # tail',
    ]],
    ["db/config/user.note", "a, b", ["+          user.note: a, b"]],
    ["web/config/user.note", "a, b", [
      '-        config: { limits.cpu: "2", limits.memory: 1GiB } # tail',
      '+        config: { limits.cpu: "2", limits.memory: 1GiB, user.note: "a, b" } # tail',
    ]],
    ["web/state", "stopped", ["+        state: stopped"]],
    ["web/boot_autostart", true, ["+        boot_autostart: true"]],
    ["db/devices/root", { type: "disk", path: "/", size: "2GiB" }, [
      "+        devices: { root: { type: disk, path: /, size: 2GiB } }",
    ]],
    ["empty/config/limits.cpu", "2", [
      "-      empty:   # nothing yet",
      '+      empty: { config: { limits.cpu: "2" } }   # nothing yet',
    ]],
    ["prose/ephemeral", true, ["+        ephemeral: true"]],
  ];
  for (const [path, value, lines] of cases) {
    assert.deepEqual(changed(`${MACHINES}/${path}`, value), lines, path);
  }
});

Deno.test("editYaml() takes a key away with its line, or out of its braces", () => {
  const cases: [string, string[]][] = [
    ["web/config/limits.cpu", [
      '-        config: { limits.cpu: "2", limits.memory: 1GiB } # tail',
      "+        config: { limits.memory: 1GiB } # tail",
    ]],
    ["web/config/limits.memory", [
      '-        config: { limits.cpu: "2", limits.memory: 1GiB } # tail',
      '+        config: { limits.cpu: "2" } # tail',
    ]],
    ["db/config/limits.memory", ["-          limits.memory: 2GiB   # plenty"]],
    ["db/storage_volumes/data/size", ['-            size: "10GiB"']],
    ["db/profiles", [
      "-        profiles:",
      "-          - default",
      "-          - small",
    ]],
    ["prose/description", [
      "-        description: |  # long",
      "-          One",
      "-          Two",
    ]],
    ["web/nothing", []],
  ];
  for (const [path, lines] of cases) {
    assert.deepEqual(changed(`${MACHINES}/${path}`, undefined), lines, path);
  }
  const flow = "a: {\n  b: 1, # one\n  c: 2 # two\n}\n";
  assert.equal(editYaml(flow, { path: ["a", "c"] }), "a: {\n  b: 1, # one\n}\n");
  assert.equal(editYaml(flow, { path: ["a", "b"] }), "a: {\n  c: 2 # two\n}\n");
  assert.equal(editYaml("a: { b: 1 }\n", { path: ["a", "b"] }), "a: {}\n");
  assert.equal(editYaml("a: { b }\n", { path: ["a", "b"], value: 1 }), "a: { b: 1 }\n");
});

Deno.test("editYaml() keeps line ends, a byte order mark and a missing last line break", () => {
  const text = "\uFEFFa:\r\n  b: 1\r\nc: 2";
  assert.equal(
    editYaml(text, { path: ["a", "d"], value: "x" }),
    "\uFEFFa:\r\n  b: 1\r\n  d: x\r\nc: 2",
  );
  assert.equal(editYaml(text, { path: ["d"], value: "x" }), `${text}\r\nd: x`);
});

Deno.test("editYaml() refuses what several places share", () => {
  const text = "a: { one: &x { k: 1 }, two: *x, three: { k: &y 1, l: *y }, four: &z { k: 1 } }\n";
  for (const path of ["one/k", "two/k", "two/new", "one", "three/k", "three/l"]) {
    assert.throws(() => editYaml(text, { path: ["a", ...path.split("/")], value: 2 }), EditRefused);
  }
  assert.throws(() => editYaml(text, { path: ["a", "one"] }), /the YAML anchor `&x` shares it/);
  assert.match(editYaml(text, { path: ["a", "four", "k"], value: 2 }), /four: &z { k: 2 }/);
  assert.throws(
    () => editYaml("a:\n  - x # why\n  - y\n", { path: ["a"], value: ["x"] }),
    /there are comments between/,
  );
});

Deno.test("editYaml() writes every text so that it is read back", () => {
  const styles = ["a: { b: x, c: 1 } # d\n", "a:\n  b: 'x' # y\n  c: 1\n", 'a: { b: "x", c: 1}'];
  fc.assert(fc.property(
    fc.constantFrom(...styles),
    fc.oneof(fc.string(), fc.string({ unit: "binary" }), fc.constantFrom("yes", "1", "~", "- a")),
    fc.constantFrom("b", "new"),
    (text, value, key) => {
      const after = editYaml(text, { path: ["a", key], value });
      assert.deepEqual(parse(after), {
        a: { ...(parse(text) as { a: object }).a, [key]: value },
      });
      assert.equal(after.includes("#"), text.includes("#") || value.includes("#"));
    },
  ));
});

type Tree = { [key: string]: Tree | unknown };

/** Returns the paths of all keys of maps, outermost first. */
function pathsOf(tree: unknown, before: readonly string[] = []): string[][] {
  if (typeof tree !== "object" || tree === null || Array.isArray(tree)) return [];
  return Object.entries(tree).flatMap((
    [key, value],
  ) => [[...before, key], ...pathsOf(value, [...before, key])]);
}

/** Returns the tree with one key set or removed. */
function changedTree(path: readonly string[], value: unknown): Tree {
  const tree = parse(TEXT) as Tree;
  let node = tree;
  for (const key of path.slice(0, -1)) node = node[key] as Tree;
  if (value === undefined) delete node[path.at(-1)!];
  else node[path.at(-1)!] = value;
  return tree;
}

/** Treats an empty map and null as the same: a block without keys is null. */
const trimmed = (tree: unknown) => JSON.stringify(tree).replaceAll("{}", "null");

Deno.test("editYaml() changes what every key says, and no other; no comment of others is lost", () => {
  const comments = (text: string) => (text.match(/ #.*/g) ?? []).sort();
  for (const path of pathsOf(parse(TEXT))) {
    const removed = editYaml(TEXT, { path });
    assert.equal(trimmed(parse(removed)), trimmed(changedTree(path, undefined)), path.join("/"));
    for (const value of ["x: y", true, 7]) {
      let set: string;
      try {
        set = editYaml(TEXT, { path, value });
      } catch (error) {
        assert.ok(error instanceof EditRefused, String(error));
        continue;
      }
      assert.deepEqual(parse(set), changedTree(path, value), path.join("/"));
      assert.deepEqual(comments(set), comments(TEXT));
    }
    const added = editYaml(TEXT, { path: [...path.slice(0, -1), "added"], value: "x, y" });
    assert.deepEqual(parse(added), changedTree([...path.slice(0, -1), "added"], "x, y"));
    assert.deepEqual(comments(added), comments(TEXT));
  }
});

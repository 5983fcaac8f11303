import assert from "node:assert/strict";
import fc from "fast-check";
import { DiagnosticList } from "../diag/diagnostic_list.ts";
import { SourceFile } from "../diag/source.ts";
import { readYaml } from "../infra/yaml/read_yaml.ts";
import type { Node } from "../infra/yaml/yaml_tree.ts";
import type { Lock } from "./addressing.ts";
import { formatLock } from "./format_lock.ts";
import { readLockLines } from "./lock_lines.ts";

const LOCK: Lock = {
  format: 1,
  project: "home-lab",
  infra: "6f1c8c5e-3f57-4d0e-9f60-2a3b4c5d6e7f",
  domains: {
    pro: { subnet: "10.120.1.0/24", bridge: "net-pro" },
    "1e5": { subnet: "10.120.2.0/24", bridge: "net-1e5" },
    null: { subnet: "10.120.3.0/24", bridge: "net-null" },
  },
  machines: {
    "pro-dev": { domain: "pro", ip: "10.120.1.1", hwaddr: "10:66:6a:00:00:01", hostName: "ak1" },
    true: { domain: "1e5", ip: "10.120.2.2", hwaddr: "10:66:6a:00:00:02", hostName: "0e1" },
  },
  freed: { subnets: ["10.120.9.0/24", "10.110.0.0/24"], addresses: ["10.120.1.7"] },
};
const TEXT = formatLock(LOCK);

function bothOf(text: string): { lines: unknown; yaml: unknown } {
  const source = new SourceFile({ file: "infra.lock.yml", text });
  const lines = readLockLines(source);
  const yaml = readYaml(source, new DiagnosticList());
  return { lines: lines && plain(lines), yaml: yaml && plain(yaml) };
}

/**
 * Returns a node without the ends of maps and lists: the parser sometimes includes line breaks
 * there, and nothing uses these ends.
 */
function plain(node: Node): unknown {
  const { start, end } = node.span;
  switch (node.kind) {
    case "scalar":
      return [node.value, node.text, start, end];
    case "list":
      return [node.items.map(plain), start, node.weight];
    case "map":
      return [
        node.entries.map(({ key, keySpan, value }) => [
          key,
          keySpan.start,
          keySpan.end,
          plain(value),
        ]),
        start,
        node.weight,
      ];
  }
}

Deno.test("readLockLines() gives the tree of the YAML parser for what formatLock() writes", () => {
  for (const text of [TEXT, formatLock({ ...LOCK, freed: { subnets: [], addresses: [] } })]) {
    const { lines, yaml } = bothOf(text);
    assert.ok(lines !== undefined);
    assert.deepEqual(lines, yaml);
  }
});

Deno.test("readLockLines() leaves to the parser what only a person would write", () => {
  for (
    const text of [
      TEXT.replace("format: 1", "format:  1"),
      TEXT.replace("project: home-lab", "project: home-lab # mine"),
      TEXT.replace("bridge: net-pro", "bridge: 'net-pro'"),
      TEXT.replace("ip: 10.120.1.1", "ip: 1e5"),
      TEXT.replaceAll("\n", "\r\n"),
      TEXT.trimEnd(),
      TEXT + "project: twice\n",
      TEXT.replace("freed:", "  freed:"),
      "",
    ]
  ) assert.equal(bothOf(text).lines, undefined, text);
});

Deno.test("readLockLines() never reads a damaged text otherwise than the parser", () => {
  const damage = fc.record({
    at: fc.nat(TEXT.length - 1),
    length: fc.nat(12),
    text: fc.oneof(
      fc.string({ maxLength: 4 }),
      fc.constantFrom("a", "1", '"', "}", ", ", ": ", "\n", "  ", "null", "0x1", "~", "[", "&a "),
    ),
  });
  fc.assert(
    fc.property(damage, ({ at, length, text }) => {
      const { lines, yaml } = bothOf(TEXT.slice(0, at) + text + TEXT.slice(at + length));
      if (lines !== undefined) assert.deepEqual(lines, yaml);
    }),
    { numRuns: 2000 },
  );
});

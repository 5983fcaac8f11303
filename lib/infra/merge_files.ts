import { SourceFile, type SourceText } from "../diag/source.ts";
import type { DiagnosticList } from "../diag/diagnostic_list.ts";
import { wrongType } from "./shape/complaint.ts";
import { readYaml } from "./yaml/read_yaml.ts";
import { quotedList, shortenName } from "./words.ts";
import { type MapEntry, type MapNode, type Node, rangeOf } from "./yaml/yaml_tree.ts";

/** Returns the keys of the infra that belong into a file of the directory form. */
function keysOf(file: string): readonly string[] | undefined {
  if (file === "infra/base.yml") return ["project_name", "global"];
  if (file === "infra/policies.yml") return ["network_policies"];
  if (/^infra\/domains\/[^/]+$/.test(file)) return ["domains"];
  return undefined;
}

/** Reads every file and merges them into one tree; undefined if one of them cannot be read. */
export function mergeFiles(
  sources: readonly SourceText[],
  diagnostics: DiagnosticList,
): MapNode | undefined {
  const whole = sources.find((source) => source.file === "infra.yml");
  const part = sources.find((source) => source.file.startsWith("infra/"));
  const first = sources[0];
  if (first === undefined) {
    diagnostics.add({
      code: "NO_INFRA",
      summary: "There is no `infra.yml` and no `infra/` directory here or above",
      remedy: "go to your workspace, or create one with `anklume init`",
    });
    return undefined;
  }
  if (whole !== undefined && part !== undefined) {
    diagnostics.add({
      code: "TWO_FORMS",
      summary: "Both `infra.yml` and `infra/` are here; anklume cannot know which one to use",
      remedy: `keep one of them: move or delete the other`,
    });
    return undefined;
  }
  if (part !== undefined && !sources.some((source) => source.file === "infra/base.yml")) {
    diagnostics.add({
      code: "MISSING_FILE",
      summary: "`infra/base.yml` is missing",
      remedy: "create it, with `project_name` and, if you need it, `global`",
    });
    return undefined;
  }
  const trees: MapNode[] = [];
  let usable = true;
  for (const source of sources) {
    const file = new SourceFile(source);
    if (source.file.startsWith("infra/") && keysOf(source.file) === undefined) {
      diagnostics.add({
        code: "STRAY_FILE",
        summary: `${source.file} is not part of the infra`,
        detail: "`infra/` holds base.yml, policies.yml and domains/*.yml",
        remedy: "move it to infra/domains/, or out of infra/",
        range: file.range(0, 0),
      });
      continue;
    }
    const node = readYaml(file, diagnostics);
    if (node === undefined) {
      usable = false;
    } else if (node.kind !== "map") {
      usable = false;
      const span = { source: file, start: node.span.start, end: node.span.start + 1 };
      wrongType(node, { diagnostics, span, label: source.file }, "a map");
    } else {
      trees.push(withOwnKeys(node, file.file, diagnostics));
    }
  }
  return usable ? merge(trees, diagnostics) : undefined;
}

/** Reports keys that belong into another file, and leaves them out. */
function withOwnKeys(tree: MapNode, file: string, diagnostics: DiagnosticList): MapNode {
  const own = keysOf(file);
  if (own === undefined) return tree;
  const entries = tree.entries.filter((entry) => {
    if (own.includes(entry.key)) return true;
    diagnostics.add({
      code: "MISPLACED_KEY",
      summary: `\`${shortenName(entry.key)}\` does not belong in ${file}`,
      detail: `${file} holds ${quotedList(own, "and")}`,
      remedy: placeOf(entry, file),
      range: rangeOf(entry.keySpan),
    });
    return false;
  });
  return { ...tree, entries };
}

function placeOf(entry: MapEntry, file: string): string {
  switch (entry.key) {
    case "project_name":
    case "global":
      return "move it to infra/base.yml";
    case "network_policies":
      return "move it to infra/policies.yml";
    case "domains":
      return "move it to a file in infra/domains/";
    default:
      return file.startsWith("infra/domains/") && entry.value.kind === "map"
        ? `if \`${shortenName(entry.key)}\` is a domain, write it below \`domains:\``
        : "remove it";
  }
}

function merge(trees: readonly MapNode[], diagnostics: DiagnosticList): MapNode | undefined {
  const [first] = trees;
  if (first === undefined || trees.length === 1) return first;
  const entries = new Map<string, MapEntry>();
  for (const tree of trees) {
    for (const entry of tree.entries) {
      const before = entries.get(entry.key);
      if (before === undefined) entries.set(entry.key, entry);
      else entries.set(entry.key, { ...before, value: join(before.value, entry, diagnostics) });
    }
  }
  return { ...first, entries: [...entries.values()] };
}

/** Only `domains` can be in several files. */
function join(before: Node, after: MapEntry, diagnostics: DiagnosticList): Node {
  if (after.value.kind !== "map") {
    if (after.value.kind === "list" || after.value.value !== null) {
      const context = { diagnostics, span: after.keySpan, label: after.key };
      wrongType(after.value, context, "a map");
    }
    return before;
  }
  if (before.kind !== "map") {
    if (before.kind === "list" || before.value !== null) return before;
    return after.value;
  }
  const known = new Map(before.entries.map((entry) => [entry.key, entry]));
  const entries = [...before.entries];
  for (const entry of after.value.entries) {
    const other = known.get(entry.key);
    if (other === undefined) {
      entries.push(entry);
      continue;
    }
    const place = rangeOf(other.keySpan);
    diagnostics.add({
      code: "DUPLICATE_KEY",
      summary: `\`${
        shortenName(entry.key)
      }\` is already declared in ${place.file}:${place.start.line}`,
      remedy: "keep one of them",
      range: rangeOf(entry.keySpan),
    });
  }
  return { ...before, entries };
}

import {
  Composer,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  Parser,
  type YAMLParseError,
} from "yaml";
import type { SourceFile } from "../../diag/source.ts";
import type { DiagnosticList, Report } from "../../diag/diagnostic_list.ts";
import type { ListNode, MapEntry, MapNode, Node, ScalarNode, Span } from "./yaml_tree.ts";
import { optional } from "../../diag/optional.ts";

/** Characters of one file. 5,000 machines need about a third of it. */
const SIZE_LIMIT = 8 * 1024 * 1024;
/** Maximum nesting of collections. infra.yml itself needs 8 levels; `vars` may need some more. */
const DEPTH_LIMIT = 64;
/**
 * Maximum number of nodes that aliases add. A thousand machines that share one block need far
 * fewer.
 */
const ALIAS_LIMIT = 200_000;

/**
 * Mistakes after which the parser still knows its position. Of all other mistakes only the first is
 * reported.
 */
const LOCAL_MISTAKES: ReadonlySet<string> = new Set([
  "ALIAS_PROPS",
  "BAD_ALIAS",
  "BAD_DQ_ESCAPE",
  "KEY_OVER_1024_CHARS",
  "MULTIPLE_ANCHORS",
  "MULTIPLE_TAGS",
  "TAB_AS_INDENT",
]);

/** Additions to the library's messages, by its error code. */
const ADVICE: Readonly<Record<string, { readonly summary?: string; readonly remedy: string }>> = {
  BAD_INDENT: { remedy: "keys of one map must start in the same column" },
  BAD_SCALAR_START: { remedy: "put the value in double quotes" },
  BLOCK_AS_IMPLICIT_KEY: {
    summary: "There is a second `: ` on this line",
    remedy: "put a value that contains `: ` in double quotes",
  },
  BAD_DQ_ESCAPE: { remedy: "write `\\\\` for a backslash, or use single quotes" },
  MULTILINE_IMPLICIT_KEY: { remedy: "a key must be on one line and end with `:`" },
  TAB_AS_INDENT: { remedy: "indent with spaces" },
};

/**
 * Reads one YAML 1.2 document into a tree with places. Never throws. Returns undefined if the text
 * is invalid; `diagnostics` then has the reason. An empty document is an empty map.
 *
 * The document must not contain: more than one document, a `%YAML 1.1` directive, custom tags,
 * merge keys, duplicate keys, NUL bytes, or aliases that expand to very many nodes.
 */
export function readYaml(source: SourceFile, diagnostics: DiagnosticList): Node | undefined {
  if (!isReadableText(source, diagnostics)) return undefined;
  const document = compose(source, diagnostics);
  if (document === undefined) return undefined;
  return new TreeBuilder(source, diagnostics).build(document);
}

function isReadableText(source: SourceFile, diagnostics: DiagnosticList): boolean {
  const { text } = source;
  if (text.length > SIZE_LIMIT) {
    diagnostics.add({
      code: "FILE_TOO_LARGE",
      summary: `${source.file} has ${text.length} characters; at most ${SIZE_LIMIT} are allowed`,
      remedy: "split it into `infra/domains/*.yml`",
      range: source.range(0, 0),
    });
    return false;
  }
  // deno-lint-ignore no-control-regex -- control characters are what is looked for
  const bad = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F\uFFFD\uFFFE\uFFFF]/.exec(text);
  if (bad === null) return true;
  const code = bad[0].charCodeAt(0);
  const unreadable = code >= 0xFFFD;
  diagnostics.add({
    code: unreadable ? "NOT_UTF8" : "CONTROL_CHARACTER",
    summary: unreadable
      ? "The file is not valid UTF-8 here"
      : `The control character U+${
        code.toString(16).toUpperCase().padStart(4, "0")
      } is not allowed here`,
    remedy: unreadable
      ? "save the file as UTF-8"
      : code === 0
      ? "remove it"
      : 'remove it, or write it as an escape in double quotes ("\\u001b")',
    range: source.range(bad.index, bad.index + 1),
  });
  return false;
}

function compose(source: SourceFile, diagnostics: DiagnosticList): Document.Parsed | undefined {
  // `uniqueKeys` needs quadratic time. The tree builder finds duplicates itself, with both places.
  const composer = new Composer({ uniqueKeys: false, version: "1.2", prettyErrors: false });
  const parser = new Parser();
  const documents: Document.Parsed[] = [];
  let offset = 0;
  try {
    for (const lexeme of new Lexer().lex(source.text)) {
      for (const token of parser.next(lexeme)) {
        for (const document of composer.next(token)) documents.push(document);
      }
      offset = parser.offset;
      if (parser.stack.length > DEPTH_LIMIT + 2) return tooDeep(source, offset, diagnostics);
    }
    for (const token of parser.end()) {
      for (const document of composer.next(token)) documents.push(document);
    }
    for (const document of composer.end(true, source.text.length)) documents.push(document);
  } catch (error) {
    diagnostics.add({
      code: "YAML_SYNTAX",
      summary: "The YAML parser gave up on this text",
      detail: error instanceof Error ? error.message : String(error),
      range: source.range(offset, offset + 1),
    });
    return undefined;
  }
  const [document, second] = documents;
  if (document === undefined) return undefined;
  if (addSyntaxErrors(document, source, diagnostics)) return undefined;
  if (document.directives.yaml.explicit && document.directives.yaml.version !== "1.2") {
    diagnostics.add({
      code: "YAML_VERSION",
      summary: `The file declares YAML ${document.directives.yaml.version}; infra.yml is YAML 1.2`,
      detail: "in YAML 1.1 words like `no` and `on` are booleans, here they are texts",
      remedy: "remove the `%YAML` line",
      range: source.range(0, source.line(1).length),
    });
    return undefined;
  }
  if (second !== undefined) {
    const at = second.contents?.range?.[0] ?? second.range[0];
    diagnostics.add({
      code: "MULTIPLE_DOCUMENTS",
      summary: "A second YAML document starts here",
      remedy: "keep everything in one document: remove the `---` before it",
      range: source.range(at, at + 1),
    });
    return undefined;
  }
  return document;
}

function tooDeep(source: SourceFile, offset: number, diagnostics: DiagnosticList): undefined {
  diagnostics.add({
    code: "TOO_DEEP",
    summary: `Values are nested more than ${DEPTH_LIMIT} levels deep here`,
    remedy: "infra.yml never needs such depth: look for a bracket that is not closed",
    range: source.range(offset - 1, offset),
  });
}

function addSyntaxErrors(
  document: Document.Parsed,
  source: SourceFile,
  diagnostics: DiagnosticList,
): boolean {
  let structural = false;
  for (const error of document.errors) {
    if (!LOCAL_MISTAKES.has(error.code)) {
      if (structural) continue;
      structural = true;
    }
    diagnostics.add({ code: "YAML_SYNTAX", ...syntaxReport(error, document, source) });
  }
  for (const warning of document.warnings) {
    if (warning.code !== "TAG_RESOLVE_FAILED") continue;
    diagnostics.add({
      code: "YAML_TAG",
      summary: "infra.yml contains plain values, without tags",
      remedy: "remove the tag; secrets belong in a vaulted file of the Ansible tree",
      range: source.range(...warning.pos),
    });
  }
  return document.errors.length > 0 ||
    document.warnings.some((warning) => warning.code === "TAG_RESOLVE_FAILED");
}

function syntaxReport(
  error: YAMLParseError,
  document: Document.Parsed,
  source: SourceFile,
): Omit<Report, "code"> {
  const [start, end] = error.pos;
  // The library reports an unclosed quote or bracket only at the end of the text.
  const opened = /^Flow |^Missing closing/.test(error.message)
    ? lastOpened(document.contents, start, source.text)
    : undefined;
  if (opened !== undefined) {
    const sign = source.text[opened]!;
    return {
      summary: `The \`${sign}\` that opens here is never closed`,
      remedy: `write the \`${CLOSING[sign]}\` that belongs to it`,
      range: source.range(opened, opened + 1),
    };
  }
  const { summary = firstLine(error.message), remedy } = ADVICE[error.code] ?? {};
  // The mistake in an indentation is shown where its text starts.
  const spaces = /^ */.exec(source.text.slice(start, start + 200))?.[0].length ?? 0;
  return {
    summary,
    ...optional({ remedy }),
    range: source.range(start + spaces, Math.max(end, start + spaces + 1)),
  };
}

const CLOSING: Readonly<Record<string, string>> = { "[": "]", "{": "}", '"': '"', "'": "'" };

/**
 * Returns the offset of the innermost quote or bracket that was opened before `end` and not closed
 * before it.
 */
function lastOpened(node: unknown, end: number, text: string): number | undefined {
  const range = (node as { range?: readonly [number, number, number] | null } | null)?.range;
  if (!range || range[0] > end) return undefined;
  const children = isMap(node)
    ? node.items.flatMap((pair) => [pair.key, pair.value])
    : isSeq(node)
    ? node.items
    : [];
  let found: number | undefined;
  for (const child of children) found = lastOpened(child, end, text) ?? found;
  if (found !== undefined) return found;
  const sign = text[range[0]]!;
  const isOpen = range[1] >= end && text[range[1] - 1] !== CLOSING[sign] || range[1] - range[0] < 2;
  return Object.hasOwn(CLOSING, sign) && isOpen ? range[0] : undefined;
}

function firstLine(message: string): string {
  return (message.split("\n", 1)[0] ?? message).replace(/[.:]$/, "");
}

/** Converts the library's nodes into anklume's nodes. Aliases become shared nodes. */
class TreeBuilder {
  readonly #source: SourceFile;
  readonly #diagnostics: DiagnosticList;
  readonly #anchors = new Map<string, Node>();
  #aliased = 0;
  #usable = true;

  constructor(source: SourceFile, diagnostics: DiagnosticList) {
    this.#source = source;
    this.#diagnostics = diagnostics;
  }

  build(document: Document.Parsed): Node | undefined {
    const { contents } = document;
    if (contents === null || (isScalar(contents) && contents.value === null)) {
      const span = this.#span(0, 0);
      return { kind: "map", entries: [], span, weight: 1 };
    }
    const node = this.#node(contents, 0);
    return this.#usable ? node : undefined;
  }

  #span(start: number, end: number): Span {
    return { source: this.#source, start, end };
  }

  #spanOf(node: unknown, fallback: number): Span {
    const range = (node as { range?: readonly [number, number, number] | null } | null)?.range;
    return range ? this.#span(range[0], range[1]) : this.#span(fallback, fallback);
  }

  #problem(code: string, summary: string, span: Span, remedy?: string): void {
    this.#usable = false;
    this.#diagnostics.add({
      code,
      summary,
      ...optional({ remedy }),
      range: this.#source.range(span.start, span.end),
    });
  }

  #node(raw: unknown, fallback: number): Node {
    const span = this.#spanOf(raw, fallback);
    if (isAlias(raw)) return this.#alias(raw.source, span);
    let node: Node;
    let anchor: string | undefined;
    if (isScalar(raw)) {
      anchor = raw.anchor;
      node = this.#scalar(raw.value, raw.source, span);
    } else if (isMap(raw)) {
      anchor = raw.anchor;
      node = this.#map(raw.items, span);
    } else if (isSeq(raw)) {
      anchor = raw.anchor;
      node = this.#list(raw.items, span);
    } else {
      node = this.#scalar(null, "", span);
    }
    if (anchor !== undefined) this.#anchors.set(anchor, node);
    return node;
  }

  #alias(name: string, span: Span): Node {
    const target = this.#anchors.get(name);
    if (target === undefined) {
      this.#problem("UNKNOWN_ALIAS", `There is no anchor \`&${name}\` before this alias`, span);
      return this.#scalar(null, "", span);
    }
    this.#aliased += target.weight;
    if (this.#aliased > ALIAS_LIMIT && this.#usable) {
      this.#problem(
        "ALIAS_BOMB",
        `The aliases of this file expand to more than ${ALIAS_LIMIT} values`,
        span,
        "write out what is needed, or use a profile",
      );
    }
    return this.#usable ? target : this.#scalar(null, "", span);
  }

  #scalar(value: unknown, text: string | undefined, span: Span): ScalarNode {
    const plain = typeof value === "string" || typeof value === "number" ||
        typeof value === "boolean"
      ? value
      : null;
    return { kind: "scalar", value: plain, text: text ?? String(plain ?? ""), span, weight: 1 };
  }

  #list(items: readonly unknown[], span: Span): ListNode {
    let weight = 1;
    const nodes: Node[] = [];
    for (const item of items) {
      // `- key: value` in flow style (`[a: b]`) is a pair; the library wraps it in a map.
      const node = this.#node(item, span.start);
      weight += node.weight;
      nodes.push(node);
    }
    return { kind: "list", items: nodes, span, weight };
  }

  #map(items: readonly { key: unknown; value: unknown }[], span: Span): MapNode {
    let weight = 1;
    const entries: MapEntry[] = [];
    const seen = new Map<string, Span>();
    for (const { key: rawKey, value: rawValue } of items) {
      const keySpan = this.#spanOf(rawKey, span.start);
      const key = this.#key(rawKey, keySpan);
      const value = this.#node(rawValue, keySpan.end);
      weight += value.weight;
      if (key === undefined) continue;
      const first = seen.get(key);
      if (first === undefined) {
        seen.set(key, keySpan);
        entries.push({ key, keySpan, value });
        continue;
      }
      this.#problem(
        "DUPLICATE_KEY",
        `\`${key}\` is here a second time; the first is in line ${
          this.#source.position(first.start).line
        }`,
        keySpan,
        "keep one of them",
      );
    }
    return { kind: "map", entries, span, weight };
  }

  #key(raw: unknown, span: Span): string | undefined {
    const node = isAlias(raw) ? this.#alias(raw.source, span) : undefined;
    const scalar = node === undefined && isScalar(raw) ? this.#node(raw, span.start) : node;
    if (scalar === undefined || scalar.kind !== "scalar") {
      this.#problem("INVALID_KEY", "A key of a map must be text, not a map or a list", span);
      return undefined;
    }
    const key = typeof scalar.value === "string" ? scalar.value : scalar.text;
    // In quotes it is an ordinary text.
    if (key === "<<" && !/["']/.test(this.#source.text[span.start] ?? "")) {
      this.#problem(
        "MERGE_KEY",
        "YAML 1.2 has no merge keys",
        span,
        "write the keys out, or put Incus keys that machines share into a profile",
      );
      return undefined;
    }
    return key;
  }
}

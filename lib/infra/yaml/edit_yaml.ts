import {
  type Document,
  isAlias,
  isCollection,
  isMap,
  isScalar,
  isSeq,
  type Pair,
  parseDocument,
  Scalar,
  visit,
  type YAMLMap,
  type YAMLSeq,
} from "yaml";
import type { Value } from "../infra.ts";

/** One change of a text: the value of the key at the end of a path; `undefined` takes the key away. */
export interface YamlEdit {
  readonly path: readonly string[];
  readonly value?: Exclude<Value, null>;
}

/** The text is written in a way that the edit cannot follow; the message is the end of a sentence that says why. */
export class EditRefused extends Error {
  override readonly name = "EditRefused";
}

/**
 * Changes one value of a YAML text and leaves every other byte as it is: comments, quotes, layout, line ends. What is new
 * is written on one line, in the style of what it replaces.
 * @throws EditRefused where an anchor shares the value with other places, or the layout leaves no safe way
 */
export function editYaml(text: string, edit: YamlEdit): string {
  const bom = text.startsWith("\uFEFF") ? "\uFEFF" : "";
  return bom + new TextEditor(text.slice(bom.length)).edited(edit);
}

/** What is shown of a hidden value, on one line or with all its breaks; `written` is how it stands in the text. */
export type HiddenWord = (path: readonly string[], value: string, written: string) => string;

const hiddenWord: HiddenWord = (_path, _value, written) => `(hidden, ${written.length} characters)`;

/**
 * The text with the values hidden that `isSecret` says so of, by their keys from the top and what they are; no line comes or goes.
 */
export function hideValues(
  text: string,
  isSecret: (path: readonly string[], value: string) => boolean,
  word = hiddenWord,
): string {
  let hidden = text;
  const spans: (readonly [number, number, string])[] = [];
  visit(parse(text), {
    Scalar(key, node, ancestors) {
      if (key === "key" || !node.range || node.range[0] === node.range[1]) return;
      const path = ancestors.flatMap((each) =>
        "key" in each && isScalar(each.key) ? [keyText(each.key)] : []
      );
      const value = String(node.value);
      if (!isSecret(path, value)) return;
      const [start, end] = node.range;
      spans.push([start, end, word(path, value, text.slice(start, end))]);
    },
  });
  for (const [start, end, shown] of spans.reverse()) {
    const breaks = shown.includes("\n") ? "" : text.slice(start, end).replace(/[^\n]/g, "");
    hidden = `${hidden.slice(0, start)}${shown}${breaks}${hidden.slice(end)}`;
  }
  return hidden;
}

/** Whether these keys stand in each other. */
export function hasKeys(text: string, path: readonly string[]): boolean {
  let node: unknown = parse(text.replace(/^\uFEFF/, "")).contents;
  for (const key of path) {
    if (!isMap(node)) return false;
    const found = node.items.find((item) => isScalar(item.key) && keyText(item.key) === key);
    if (found === undefined) return false;
    node = found.value;
  }
  return true;
}

/** As the reader of infra.yml does it. */
function parse(text: string): Document.Parsed {
  return parseDocument(text, { version: "1.2", uniqueKeys: false, keepSourceTokens: true });
}

function keyText(key: Scalar): string {
  return typeof key.value === "string" ? key.value : key.source ?? String(key.value);
}

type Entry = Pair<unknown, unknown>;

class TextEditor {
  readonly #text: string;
  readonly #document: Document.Parsed;
  readonly #eol: string;
  /** Names of the anchors that some alias points to. */
  readonly #aliased = new Set<string>();

  constructor(text: string) {
    this.#text = text;
    this.#document = parse(text);
    this.#eol = text.includes("\r\n") ? "\r\n" : "\n";
    visit(this.#document, { Alias: (_, { source }) => void this.#aliased.add(source) });
  }

  edited({ path, value }: YamlEdit): string {
    let node: unknown = this.#document.contents;
    let holder: Entry | undefined;
    let inFlow = false;
    for (const [depth, key] of path.entries()) {
      this.#refuseShared(node);
      if (isScalar(node) && node.value === null && holder !== undefined) {
        if (value === undefined) return this.#text;
        return this.#fill(holder, nested(path.slice(depth), value));
      }
      if (!isMap(node)) throw new EditRefused(`\`${path[depth - 1] ?? key}\` holds no keys`);
      inFlow ||= node.flow === true;
      const found = node.items.find((item) => isScalar(item.key) && keyText(item.key) === key);
      if (found === undefined) {
        if (value === undefined) return this.#text;
        return this.#insert(node, key, nested(path.slice(depth + 1), value), inFlow);
      }
      if (depth === path.length - 1) {
        this.#refuseSharedBelow(found.value);
        return value === undefined
          ? this.#remove(node, found)
          : this.#replace(found, value, inFlow);
      }
      holder = found;
      node = found.value;
    }
    return this.#text;
  }

  /** What stands behind an anchor belongs to all who point there. */
  #refuseShared(node: unknown): void {
    const name = isAlias(node)
      ? node.source
      : isScalar(node) || isCollection(node)
      ? node.anchor
      : undefined;
    if (name === undefined || (!isAlias(node) && !this.#aliased.has(name))) return;
    throw new EditRefused(`the YAML anchor \`&${name}\` shares it with other places`);
  }

  #refuseSharedBelow(node: unknown): void {
    this.#refuseShared(node);
    if (isMap(node)) {
      for (const { value } of node.items) {
        // An alias below goes or stays as a whole.
        if (!isAlias(value)) this.#refuseSharedBelow(value);
      }
    } else if (isSeq(node)) {
      for (const item of node.items) if (!isAlias(item)) this.#refuseSharedBelow(item);
    }
  }

  #splice(start: number, end: number, text: string): string {
    return this.#text.slice(0, start) + text + this.#text.slice(end);
  }

  /** A value for a key that had none: right after its colon, before a comment. */
  #fill(entry: Entry, value: Exclude<Value, null>): string {
    // The library has no node at all where not even a colon follows.
    const node = entry.value as Scalar | null;
    if (node?.anchor !== undefined) throw new EditRefused("an anchor stands in its place");
    const [start, end] = node?.range ?? [0, 0];
    if (end > start) return this.#splice(start, end, flowText(value));
    const colon = colonEnd(entry);
    const at = colon ?? endOf(entry.key, 0);
    return this.#splice(at, at, `${colon === undefined ? ":" : ""} ${flowText(value)}`);
  }

  #replace(entry: Entry, value: Exclude<Value, null>, inFlow: boolean): string {
    const node = entry.value;
    if (isSeq(node) && Array.isArray(value)) return this.#replaceList(node, value as Value[]);
    if (isScalar(node) && (node.range?.[0] ?? 0) < (node.range?.[1] ?? 0)) {
      return this.#replaceScalar(node, value, inFlow);
    }
    if (isScalar(node) || node === null) return this.#fill(entry, value);
    if (isMap(node) && node.flow) {
      const [start, end] = node.range!;
      this.#refuseComments(start, end);
      return this.#splice(start, end, flowText(value));
    }
    throw new EditRefused("it is written over several lines");
  }

  #replaceScalar(node: Scalar, value: Exclude<Value, null>, inFlow: boolean): string {
    const [start, end] = node.range!;
    const written = this.#text.slice(start, end);
    const rendered = likeText(value, node, inFlow);
    if (node.type !== Scalar.BLOCK_LITERAL && node.type !== Scalar.BLOCK_FOLDED) {
      return this.#splice(start, end, rendered);
    }
    const comment = /^[^\n]*?(\s+#[^\r\n]*)/.exec(written)?.[1] ?? "";
    return this.#splice(
      start,
      end,
      rendered + comment + (written.endsWith("\n") ? this.#eol : ""),
    );
  }

  #replaceList(node: YAMLSeq, items: readonly Value[]): string {
    const start = node.range![0];
    const end = contentEnd(node);
    this.#refuseComments(start, end);
    if (node.flow) return this.#splice(start, end, flowText(items as Exclude<Value, null>));
    const indent = " ".repeat(this.#column(start));
    const lines = items.map((item) => `- ${flowText(item as string)}`);
    return this.#splice(start, end, lines.join(this.#eol + indent));
  }

  /** What is rewritten as a whole may not hold what would be lost. */
  #refuseComments(start: number, end: number): void {
    if (/(^|\s)#/.test(this.#text.slice(start, end))) {
      throw new EditRefused("comments stand between its parts");
    }
  }

  #insert(map: YAMLMap, key: string, value: Exclude<Value, null>, inFlow: boolean): string {
    const entry = `${wordText(key, inFlow)}: ${
      typeof value === "object" ? flowText(value) : scalarText(value, inFlow)
    }`;
    const last = map.items.at(-1) as Entry | undefined;
    if (map.flow) {
      const [start, end] = map.range!;
      if (last !== undefined) {
        const at = entryEnd(last);
        return this.#splice(at, at, `, ${entry}`);
      }
      return this.#text.slice(start + 1, end - 1).trim() === ""
        ? this.#splice(start + 1, end - 1, ` ${entry} `)
        : this.#splice(start + 1, start + 1, ` ${entry}`);
    }
    const [first] = map.items;
    if (last === undefined || first === undefined) throw new EditRefused("it has no key yet");
    const indent = " ".repeat(this.#column(startOf(first)));
    const at = this.#lineEnd(entryEnd(last));
    const before = at > 0 && this.#text[at - 1] !== "\n" ? this.#eol : "";
    return this.#splice(at, at, `${before}${indent}${entry}${before === "" ? this.#eol : ""}`);
  }

  #remove(map: YAMLMap, entry: Entry): string {
    const start = startOf(entry);
    const end = entryEnd(entry);
    if (map.flow) return this.#removeFromFlow(map, entry);
    const lineStart = start - this.#column(start);
    if (this.#text.slice(lineStart, start).trim() !== "") {
      throw new EditRefused("it stands on a line with something else");
    }
    return this.#splice(lineStart, this.#lineEnd(end), "");
  }

  #removeFromFlow(map: YAMLMap, entry: Entry): string {
    const [open, close] = map.range!;
    const entries = map.items as Entry[];
    const place = entries.indexOf(entry);
    const [before, after] = [entries[place - 1], entries[place + 1]];
    const start = startOf(entry);
    const end = entryEnd(entry);
    const between = (from: number, to: number) => this.#text.slice(from, to);
    if (after !== undefined && !/[\n#]/.test(between(end, startOf(after)))) {
      return this.#splice(start, startOf(after), "");
    }
    if (before !== undefined && !/[\n#]/.test(between(entryEnd(before), start))) {
      return this.#splice(entryEnd(before), end, "");
    }
    if (before === undefined && after === undefined) {
      const all = between(open + 1, start) + between(end, close - 1);
      return /^[\s,]*$/.test(all)
        ? this.#splice(open + 1, close - 1, "")
        : this.#splice(start, end, "");
    }
    // It has lines of its own: they go, its comma with them; a comma that is left before a bracket is no mistake.
    const comma = /^[ \t]*,/.exec(this.#text.slice(end))?.[0].length ?? 0;
    const lineStart = start - this.#column(start);
    const alone = between(lineStart, start).trim() === "";
    return alone && /^[ \t]*(#[^\n]*)?\r?\n/.test(this.#text.slice(end + comma))
      ? this.#splice(lineStart, this.#lineEnd(end + comma), "")
      : this.#splice(start, end + comma, "");
  }

  #column(offset: number): number {
    return offset - (this.#text.lastIndexOf("\n", offset - 1) + 1);
  }

  /** After the line break of the line in which what ends here stands. */
  #lineEnd(end: number): number {
    if (end > 0 && this.#text[end - 1] === "\n") return end;
    const at = this.#text.indexOf("\n", end);
    return at === -1 ? this.#text.length : at + 1;
  }
}

function nested(path: readonly string[], value: Exclude<Value, null>): Exclude<Value, null> {
  return path.reduceRight<Exclude<Value, null>>((below, key) => ({ [key]: below }), value);
}

function startOf(entry: Entry): number {
  const key = entry.key as { range?: readonly [number, number, number] | null } | null;
  return key?.range?.[0] ?? 0;
}

/** Where a collection's last part ends; the library counts the blank lines and comments after it in. */
function contentEnd(node: unknown): number {
  if (isMap(node) && !node.flow && node.items.length > 0) {
    return entryEnd(node.items.at(-1) as Entry);
  }
  if (isSeq(node) && !node.flow && node.items.length > 0) return contentEnd(node.items.at(-1));
  return endOf(node, 0);
}

function entryEnd(entry: Entry): number {
  const node = entry.value as { range?: readonly [number, number, number] | null } | null;
  const empty = node === null || !node.range || node.range[0] === node.range[1];
  return empty ? colonEnd(entry) ?? endOf(entry.key, 0) : contentEnd(node);
}

function endOf(node: unknown, fallback: number): number {
  const range = (node as { range?: readonly [number, number, number] | null } | null)?.range;
  return range?.[1] ?? fallback;
}

function colonEnd(entry: Entry): number | undefined {
  const separators = entry.srcToken?.sep ?? [];
  const colon = separators.find(({ type }) => type === "map-value-ind");
  return colon === undefined ? undefined : colon.offset + 1;
}

/** In the style of what was there, where that says the same kind of value. */
function likeText(value: Exclude<Value, null>, before: Scalar, inFlow: boolean): string {
  if (typeof value !== "string") {
    return typeof value === "object" ? flowText(value) : String(value);
  }
  if (before.type === Scalar.QUOTE_DOUBLE) return quoted(value);
  if (before.type === Scalar.QUOTE_SINGLE && /^[\x20-\x7e]*$/.test(value)) {
    return `'${value.replaceAll("'", "''")}'`;
  }
  const bare = plain(value, inFlow);
  return bare !== undefined && typeof bare === typeof before.value
    ? value
    : scalarText(value, inFlow);
}

function scalarText(value: string | number | boolean, inFlow: boolean): string {
  return typeof value === "string" ? wordText(value, inFlow) : String(value);
}

/** Bare where every reader takes it for the same text. */
function wordText(text: string, inFlow: boolean): string {
  return typeof plain(text, inFlow) === "string" && !/^(y|n|yes|no|on|off)$/i.test(text)
    ? text
    : quoted(text);
}

/** What YAML reads where the text stands without quotes; undefined: not one value, or another text. */
function plain(text: string, inFlow: boolean): unknown {
  if (/[\r\n]/.test(text)) return undefined;
  const document = parseDocument(inFlow ? `[ ${text} ]` : text, { version: "1.2" });
  if (document.errors.length + document.warnings.length > 0) return undefined;
  const { contents } = document;
  const node = inFlow && isSeq(contents) && contents.items.length === 1
    ? contents.items[0]
    : contents;
  if (!isScalar(node) || node.type !== Scalar.PLAIN || node.source !== text) return undefined;
  return document.comment === null && node.comment == null ? node.value : undefined;
}

function quoted(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\u009f\u2028\u2029\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** On one line: `{ type: disk, size: 2GiB }`, `[default, small]`. */
function flowText(value: Exclude<Value, null>): string {
  if (Array.isArray(value)) return `[${value.map((item) => flowText(item)).join(", ")}]`;
  if (typeof value !== "object") return scalarText(value, true);
  const entries = Object.entries(value).map(([key, below]) =>
    `${wordText(key, true)}: ${flowText(below as Exclude<Value, null>)}`
  );
  return entries.length === 0 ? "{}" : `{ ${entries.join(", ")} }`;
}

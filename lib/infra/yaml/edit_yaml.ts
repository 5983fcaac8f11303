import {
  type Document,
  isAlias,
  isCollection,
  isMap,
  isScalar,
  isSeq,
  Scalar,
  visit,
  type YAMLMap,
  type YAMLSeq,
} from "yaml";
import type { Value } from "../infra.ts";
import { flowText, likeText, scalarText, wordText } from "./value_text.ts";
import {
  colonEnd,
  contentEnd,
  endOf,
  type Entry,
  entryEnd,
  keyText,
  parseAsWritten,
  startOf,
} from "./written_yaml.ts";

/** One change of a text: the value of the key at the end of a path. `undefined` removes the key. */
export interface YamlEdit {
  readonly path: readonly string[];
  readonly value?: Exclude<Value, null>;
}

/**
 * The layout of the text does not allow the edit. The message is the end of a sentence and gives
 * the reason.
 */
export class EditRefused extends Error {
  override readonly name = "EditRefused";
}

/**
 * Changes one value of a YAML text and leaves every other byte unchanged: comments, quotes, layout,
 * line ends. The new value is on one line, in the style of the old one.
 * @throws EditRefused if an anchor shares the value with other places, or the layout leaves no safe
 * way
 */
export function editYaml(text: string, edit: YamlEdit): string {
  const bom = text.startsWith("\uFEFF") ? "\uFEFF" : "";
  return bom + new TextEditor(text.slice(bom.length)).edited(edit);
}

/** True if the text contains these nested keys. */
export function hasKeys(text: string, path: readonly string[]): boolean {
  let node: unknown = parseAsWritten(text.replace(/^\uFEFF/, "")).contents;
  for (const key of path) {
    if (!isMap(node)) return false;
    const found = node.items.find((item) => isScalar(item.key) && keyText(item.key) === key);
    if (found === undefined) return false;
    node = found.value;
  }
  return true;
}

class TextEditor {
  readonly #text: string;
  readonly #document: Document.Parsed;
  readonly #eol: string;
  /** Names of the anchors that are used by an alias. */
  readonly #aliased = new Set<string>();

  constructor(text: string) {
    this.#text = text;
    this.#document = parseAsWritten(text);
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
      if (!isMap(node)) throw new EditRefused(`\`${path[depth - 1] ?? key}\` has no keys`);
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

  /** A value with an anchor belongs to all its aliases too. */
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
        // An alias below is removed or kept as a whole.
        if (!isAlias(value)) this.#refuseSharedBelow(value);
      }
    } else if (isSeq(node)) {
      for (const item of node.items) if (!isAlias(item)) this.#refuseSharedBelow(item);
    }
  }

  #splice(start: number, end: number, text: string): string {
    return this.#text.slice(0, start) + text + this.#text.slice(end);
  }

  /** Adds a value to a key without one: directly after its colon, before a comment. */
  #fill(entry: Entry, value: Exclude<Value, null>): string {
    // If not even a colon follows the key, the library has no node for the value.
    const node = entry.value as Scalar | null;
    if (node?.anchor !== undefined) throw new EditRefused("an anchor is in its place");
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

  /** Refuses to rewrite a part that contains comments, because they would be lost. */
  #refuseComments(start: number, end: number): void {
    if (/(^|\s)#/.test(this.#text.slice(start, end))) {
      throw new EditRefused("there are comments between its parts");
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
      throw new EditRefused("it shares its line with something else");
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
    // If the entry has its own lines, they are removed together with its comma. A comma before a
    // closing bracket is allowed.
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

  /** Returns the offset after the line break of the line that contains `end`. */
  #lineEnd(end: number): number {
    if (end > 0 && this.#text[end - 1] === "\n") return end;
    const at = this.#text.indexOf("\n", end);
    return at === -1 ? this.#text.length : at + 1;
  }
}

function nested(path: readonly string[], value: Exclude<Value, null>): Exclude<Value, null> {
  return path.reduceRight<Exclude<Value, null>>((below, key) => ({ [key]: below }), value);
}

import type { SourceFile } from "../diag/source.ts";
import type { MapEntry, MapNode, Node, ScalarNode } from "../infra/yaml/yaml_tree.ts";

/** A plain text that YAML can only read as text, an address, or a quoted text without escapes. */
const VALUE = String
  .raw`"[^"\\\n]*"|(?!(?:true|false|null)\b)[a-z][a-z0-9-]*|[0-9]+(?:\.[0-9]+){3}(?:/[0-9]+)?`;
const PAIR = new RegExp(`([a-z][a-z_]*): (${VALUE})`, "y");
const KEY = /("[^"\\\n]*"|(?!(?:true|false|null)\b)[a-z][a-z0-9-]*): \{ /y;
const TOP = new RegExp(String.raw`(format|project|infra): ([0-9]{1,6}|${VALUE})\n`, "y");
const SECTION = /(domains|machines):\n/y;
const FREED = /freed:(?: #.*)?\n/y;
const NO_ITEMS = /(subnets|addresses): \[\]\n/y;
const ITEMS = new RegExp(String.raw`(subnets|addresses):\n((?: {4}- (?:${VALUE})\n)+)`, "y");
const COMMENT = /#.*\n/y;

/**
 * Reads a lock in the exact form that `formatLock` writes, and returns the tree that the YAML
 * parser would return. For 100 machines the parser takes longer than Incus takes to list them.
 * Returns undefined if the form differs, even by a space; then the parser reads it.
 */
export function readLockLines(source: SourceFile): Node | undefined {
  return new LineReader(source).read();
}

class LineReader {
  readonly #source: SourceFile;
  readonly #text: string;
  #at = 0;

  constructor(source: SourceFile) {
    this.#source = source;
    this.#text = source.text;
  }

  read(): Node | undefined {
    while (this.#match(COMMENT)) { /* skipped */ }
    const start = this.#at;
    const entries: MapEntry[] = [];
    while (this.#at < this.#text.length) {
      const entry = this.#topLevel();
      if (entry === undefined || entries.some(({ key }) => key === entry.key)) return undefined;
      entries.push(entry);
    }
    return entries.length === 0 ? undefined : this.#map(entries, start, this.#at);
  }

  #topLevel(): MapEntry | undefined {
    const at = this.#at;
    for (const read of [this.#top, this.#section, this.#freed]) {
      const entry = read.call(this);
      // A part that was started and not finished must not be read as something else.
      if (entry !== undefined || this.#at !== at) return entry;
    }
    return undefined;
  }

  #top(): MapEntry | undefined {
    const at = this.#at;
    const found = this.#match(TOP);
    return found && this.#entry(found[1]!, at, this.#scalar(found[2]!, at + found[1]!.length + 2));
  }

  #section(): MapEntry | undefined {
    const at = this.#at;
    const found = this.#match(SECTION);
    if (found === undefined) return undefined;
    const start = this.#at;
    const entries: MapEntry[] = [];
    const seen = new Set<string>();
    while (this.#text.startsWith("  ", this.#at)) {
      this.#at += 2;
      const entry = this.#line();
      if (entry === undefined || seen.has(entry.key)) return undefined;
      seen.add(entry.key);
      entries.push(entry);
    }
    // `machines:` without entries is not a map.
    if (entries.length === 0) return undefined;
    return this.#entry(found[1]!, at, this.#map(entries, start + 2, this.#at));
  }

  /** `pro-dev: { domain: pro, ip: 10.120.1.1 }` */
  #line(): MapEntry | undefined {
    const at = this.#at;
    const found = this.#match(KEY);
    if (found === undefined) return undefined;
    const start = this.#at - 2;
    const pairs: MapEntry[] = [];
    do {
      const place = this.#at;
      const pair = this.#match(PAIR);
      if (pair === undefined || pairs.some(({ key }) => key === pair[1])) return undefined;
      pairs.push(this.#entry(pair[1]!, place, this.#scalar(pair[2]!, place + pair[1]!.length + 2)));
    } while (this.#skip(", "));
    if (!this.#skip(" }\n")) return undefined;
    const name = found[1]!;
    const key = name.startsWith('"') ? name.slice(1, -1) : name;
    if (key === "" || key === "__proto__" || key === "<<") return undefined;
    const value = this.#map(pairs, start, this.#at - 1);
    return { key, keySpan: this.#span(at, at + name.length), value };
  }

  #freed(): MapEntry | undefined {
    const at = this.#at;
    if (this.#match(FREED) === undefined) return undefined;
    const start = this.#at + 2;
    const entries: MapEntry[] = [];
    while (this.#skip("  ")) {
      const entry = this.#list();
      if (entry === undefined || entries.some(({ key }) => key === entry.key)) return undefined;
      entries.push(entry);
    }
    if (entries.length === 0) return undefined;
    return this.#entry("freed", at, this.#map(entries, start, this.#at));
  }

  #list(): MapEntry | undefined {
    const at = this.#at;
    const found = this.#match(NO_ITEMS) ?? this.#match(ITEMS);
    if (found === undefined) return undefined;
    const [, key = "", lines] = found;
    const items: ScalarNode[] = [];
    let start = at + key.length + 2 + "    - ".length;
    for (const line of lines?.split("\n").slice(0, -1) ?? []) {
      const written = line.slice("    - ".length);
      items.push(this.#scalar(written, start));
      start += line.length + 1;
    }
    const from = at + key.length + (lines === undefined ? 2 : 2 + "    ".length);
    const span = this.#span(from, lines === undefined ? from + 2 : this.#at);
    return this.#entry(key, at, { kind: "list", items, span, weight: 1 + items.length });
  }

  #scalar(written: string, start: number): ScalarNode {
    const text = written.startsWith('"') ? written.slice(1, -1) : written;
    const value = /^[0-9]+$/.test(written) ? Number(written) : text;
    const span = this.#span(start, start + written.length);
    return { kind: "scalar", value, text, span, weight: 1 };
  }

  #entry(key: string, start: number, value: Node): MapEntry {
    return { key, keySpan: this.#span(start, start + key.length), value };
  }

  #map(entries: readonly MapEntry[], start: number, end: number): MapNode {
    const weight = entries.reduce((sum, { value }) => sum + value.weight, 1);
    return { kind: "map", entries, span: this.#span(start, end), weight };
  }

  #span(start: number, end: number): Node["span"] {
    return { source: this.#source, start, end };
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found === null) return undefined;
    this.#at = pattern.lastIndex;
    return found;
  }

  #skip(text: string): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }
}

import { type Document, isMap, isSeq, type Pair, parseDocument, type Scalar } from "yaml";

// A YAML text with the places of its parts, for code that changes only these.

/** Parses a text in the same way as the reader of infra.yml. */
export function parseAsWritten(text: string): Document.Parsed {
  return parseDocument(text, { version: "1.2", uniqueKeys: false, keepSourceTokens: true });
}

/** Returns a key as it is written. */
export function keyText(key: Scalar): string {
  return typeof key.value === "string" ? key.value : key.source ?? String(key.value);
}

/** A key with its value. */
export type Entry = Pair<unknown, unknown>;

/** Returns the offset where an entry begins. */
export function startOf(entry: Entry): number {
  const key = entry.key as { range?: readonly [number, number, number] | null } | null;
  return key?.range?.[0] ?? 0;
}

/**
 * Returns the end of a collection's last part. The library includes the blank lines and comments
 * after it.
 */
export function contentEnd(node: unknown): number {
  if (isMap(node) && !node.flow && node.items.length > 0) {
    return entryEnd(node.items.at(-1) as Entry);
  }
  if (isSeq(node) && !node.flow && node.items.length > 0) return contentEnd(node.items.at(-1));
  return endOf(node, 0);
}

/** Returns the offset after the last character of an entry. */
export function entryEnd(entry: Entry): number {
  const node = entry.value as { range?: readonly [number, number, number] | null } | null;
  const empty = node === null || !node.range || node.range[0] === node.range[1];
  return empty ? colonEnd(entry) ?? endOf(entry.key, 0) : contentEnd(node);
}

/** Returns the offset after a part; `fallback` if the library has no place for it. */
export function endOf(node: unknown, fallback: number): number {
  const range = (node as { range?: readonly [number, number, number] | null } | null)?.range;
  return range?.[1] ?? fallback;
}

/** Returns the offset after the colon of a key; undefined if it has none. */
export function colonEnd(entry: Entry): number | undefined {
  const separators = entry.srcToken?.sep ?? [];
  const colon = separators.find(({ type }) => type === "map-value-ind");
  return colon === undefined ? undefined : colon.offset + 1;
}

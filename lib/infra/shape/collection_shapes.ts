import { suggest } from "../../diag/suggest.ts";
import { complaintSpan, firstLineOf, isNothing, wrongType } from "./complaint.ts";
import type { JsonSchema, Located, ReadContext, Shape, ValueOf } from "./shape.ts";
import { quotedList, shortenName } from "../words.ts";
import { type MapEntry, rangeOf } from "../yaml/yaml_tree.ts";

type Fields = Readonly<Record<string, Shape<unknown>>>;
/** The keys of a map that were present and valid. */
type Read<F extends Fields> = { readonly [K in keyof F]?: Located<ValueOf<F[K]>> };

/** Reads a list. Entries that cannot be read are reported and left out. */
export function list<T>(
  item: Shape<T>,
  { whenEmpty }: {
    /** The advice for an empty list, if one makes no sense here. */
    readonly whenEmpty?: string;
  } = {},
): Shape<readonly Located<T>[]> {
  const json: JsonSchema = { type: "array", items: item.json };
  if (whenEmpty !== undefined) json["minItems"] = 1;
  return {
    json,
    read(node, context) {
      if (isNothing(node)) return [];
      if (node.kind !== "list") {
        const written = node.kind === "scalar"
          ? `write a list: [${shortenName(node.text)}]`
          : undefined;
        return wrongType(node, context, "a list", written);
      }
      if (node.items.length === 0 && whenEmpty !== undefined) {
        context.diagnostics.add({
          code: "EMPTY_LIST",
          summary: `\`${shortenName(context.label)}\` is an empty list`,
          remedy: whenEmpty,
          range: rangeOf(context.span),
        });
        return undefined;
      }
      const values: Located<T>[] = [];
      for (const entry of node.items) {
        const span = complaintSpan(entry, firstLineOf(entry.span));
        const value = item.read(entry, { ...context, span, isEntry: true });
        const range = rangeOf(span);
        if (value !== undefined) values.push({ value, range, keyRange: range });
      }
      return values;
    },
  };
}

/** Reads a map with keys of the user's choice, in their order. */
export function mapOf<T>(item: Shape<T>): Shape<ReadonlyMap<string, Located<T>>> {
  return {
    json: { type: "object", additionalProperties: item.json },
    read(node, context) {
      if (isNothing(node)) return new Map();
      if (node.kind !== "map") return wrongType(node, context, "a map");
      const values = new Map<string, Located<T>>();
      for (const entry of node.entries) {
        if (isNoKey(entry, context)) continue;
        const located = readEntry(item, entry, context);
        if (located !== undefined) values.set(entry.key, located);
      }
      return values;
    },
  };
}

const mistakes = new WeakMap<object, ReadonlySet<string>>();

/**
 * True if a key is absent from the result although the user probably wrote it: its value was
 * invalid, or it was misspelled. Its absence is then no further mistake.
 */
export function isMistaken<R extends object>(read: R, key: keyof R & string): boolean {
  return mistakes.get(read)?.has(key) ?? false;
}

interface ObjectOptions {
  readonly required?: readonly string[];
  /** Keys that a later version will have. */
  readonly reserved?: readonly string[];
}

/** Reads a map with known keys. Reports other keys, with the key that was probably meant. */
export function object<F extends Fields>(fields: F, options: ObjectOptions = {}): Shape<Read<F>> {
  const { required = [], reserved = [] } = options;
  const keys = Object.keys(fields);
  const properties: JsonSchema = {};
  for (const key of keys) properties[key] = fields[key]!.json;
  const json: JsonSchema = { type: "object", properties, additionalProperties: false };
  if (required.length > 0) json["required"] = [...required];
  return {
    json,
    read(node, context) {
      if (node.kind !== "map" && !isNothing(node)) return wrongType(node, context, "a map");
      const values: Record<string, Located<unknown>> = {};
      const present = new Set(node.kind === "map" ? node.entries.map((entry) => entry.key) : []);
      const mistaken = new Set<string>();
      for (const entry of node.kind === "map" ? node.entries : []) {
        if (isNoKey(entry, context)) continue;
        const shape = Object.hasOwn(fields, entry.key) ? fields[entry.key] : undefined;
        if (shape === undefined) {
          const free = keys.filter((key) => !present.has(key));
          const near = suggest(entry.key, free);
          if (near !== undefined) mistaken.add(near);
          reportUnknownKey(entry, { keys, reserved, near }, context);
          continue;
        }
        const located = readEntry(shape, entry, context);
        if (located === undefined) mistaken.add(entry.key);
        else values[entry.key] = located;
      }
      const missing = required.filter((key) => !present.has(key) && !mistaken.has(key));
      if (missing.length > 0) {
        const where = context.label === "" ? "" : ` in \`${shortenName(context.label)}\``;
        const verb = missing.length === 1 ? "is" : "are";
        context.diagnostics.add({
          code: "MISSING_KEY",
          summary: `${quotedList(missing, "and")} ${verb} missing${where}`,
          range: rangeOf(context.span),
        });
      }
      if (mistaken.size > 0) mistakes.set(values, mistaken);
      return values as Read<F>;
    },
  };
}

/** Reports keys that are allowed as data inside a variable but cannot be a name. */
function isNoKey({ key, keySpan }: MapEntry, context: ReadContext): boolean {
  if (key !== "" && key !== "__proto__" && key !== "<<") return false;
  context.diagnostics.add({
    code: "INVALID_KEY",
    summary: key === "" ? "A key is empty" : `\`${key}\` is not a valid key`,
    range: rangeOf(keySpan),
  });
  return true;
}

function readEntry<T>(
  shape: Shape<T>,
  entry: MapEntry,
  context: ReadContext,
): Located<T> | undefined {
  const span = complaintSpan(entry.value, entry.keySpan);
  const value = shape.read(entry.value, {
    diagnostics: context.diagnostics,
    span,
    label: entry.key,
  });
  if (value === undefined) return undefined;
  return {
    value,
    range: rangeOf(span),
    keyRange: rangeOf(entry.keySpan),
    ...(entry.value.kind === "scalar" && entry.value.substituted ? { substituted: true } : {}),
  };
}

function reportUnknownKey(
  entry: MapEntry,
  { keys, reserved, near }: {
    readonly keys: readonly string[];
    readonly reserved: readonly string[];
    readonly near: string | undefined;
  },
  context: ReadContext,
): void {
  const range = rangeOf(entry.keySpan);
  const key = shortenName(entry.key);
  if (reserved.includes(entry.key)) {
    context.diagnostics.add({
      code: "RESERVED_KEY",
      summary: `\`${key}\` is reserved for a later version of anklume`,
      remedy: "remove it for now",
      range,
    });
    return;
  }
  context.diagnostics.add({
    code: "UNKNOWN_KEY",
    summary: context.label === ""
      ? `Unknown key \`${key}\``
      : `Unknown key \`${key}\` in \`${shortenName(context.label)}\``,
    remedy: near === undefined
      ? `the keys here are ${quotedList(keys, "and")}`
      : `did you mean \`${near}\`?`,
    range,
  });
}

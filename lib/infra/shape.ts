import { suggest } from "../diag/suggest.ts";
import type { DiagnosticList, Report } from "../diag/diagnostic_list.ts";
import type { SourceRange } from "../diag/diagnostic.ts";
import type { Value } from "./infra.ts";
import { describeNode, type MapEntry, type Node, rangeOf, type Span } from "./yaml_tree.ts";

/** A JSON Schema (draft 2020-12), as far as editors use it. */
export interface JsonSchema {
  [keyword: string]: unknown;
}

/** What a shape needs while it reads. */
export interface ReadContext {
  readonly diagnostics: DiagnosticList;
  /** Where a complaint about this value points: its key where the value spans lines. */
  readonly span: Span;
  /** The key it belongs to, as a person would name it: `machines.pro-dev.ip` is `ip`. */
  readonly label: string;
  /** It is an entry of the list that has this key. */
  readonly isEntry?: boolean;
}

/**
 * One kind of value: how it is read from YAML and how JSON Schema describes it, in one place so that the two
 * cannot drift apart. `read` gives undefined after it has reported why.
 */
export interface Shape<T> {
  read(node: Node, context: ReadContext): T | undefined;
  readonly json: JsonSchema;
}

export type ValueOf<S> = S extends Shape<infer T> ? T : never;

/** A value that was read, with its place. */
export interface Located<T> {
  readonly value: T;
  /** The value; its key, where the value is a map or a list over several lines. */
  readonly range: SourceRange;
  readonly keyRange: SourceRange;
  /** `{copy}` was replaced in it. */
  readonly substituted?: boolean;
}

export type Fields = Readonly<Record<string, Shape<unknown>>>;
/** The keys of a map that were there and readable. */
export type Read<F extends Fields> = { readonly [K in keyof F]?: Located<ValueOf<F[K]>> };

/** Adds the words that editors show, and that the schema's default documents. */
export function described<T>(shape: Shape<T>, description: string, byDefault?: unknown): Shape<T> {
  const json: JsonSchema = { ...shape.json, description };
  if (byDefault !== undefined) json["default"] = byDefault;
  return { read: (node, context) => shape.read(node, context), json };
}

/** A shape with a further rule; `check` gives a report without its range, or undefined when all is well. */
export function checked<T>(
  shape: Shape<T>,
  check: (value: T, label: string) => Omit<Report, "range"> | undefined,
  json: JsonSchema = {},
): Shape<T> {
  return {
    json: { ...shape.json, ...json },
    read(node, context) {
      const value = shape.read(node, context);
      if (value === undefined) return undefined;
      const problem = check(value, context.label);
      if (problem === undefined) return value;
      context.diagnostics.add({ ...problem, range: rangeOf(context.span) });
      return undefined;
    },
  };
}

/** A value that is read later, with what its reader then needs. */
export interface Unread {
  readonly node: Node;
  readonly context: ReadContext;
}

/** Puts reading off: a domain with copies is read once for each of them. */
export function unread(shape: Shape<unknown>): Shape<Unread> {
  return { json: shape.json, read: (node, context) => ({ node, context }) };
}

export function text(): Shape<string> {
  return {
    json: { type: "string" },
    read(node, context) {
      if (node.kind !== "scalar" || typeof node.value !== "string") {
        const remedy = node.kind === "scalar" && node.value !== null
          ? `put it in quotes: "${node.text}"`
          : undefined;
        return wrongType(node, context, "a text", remedy);
      }
      return isCleanText(node.value, context) ? node.value : undefined;
    },
  };
}

/** A whole number between two bounds, both included. */
export function integer(minimum: number, maximum: number): Shape<number> {
  return {
    json: { type: "integer", minimum, maximum },
    read(node, context) {
      const value = numberOf(node);
      if (value === undefined || !Number.isInteger(value)) {
        return wrongType(node, context, "a whole number");
      }
      if (value < minimum || value > maximum) {
        return outOfRange(context, value, minimum, maximum);
      }
      return value;
    },
  };
}

export function outOfRange(
  context: ReadContext,
  value: number,
  minimum: number,
  maximum: number,
): undefined {
  context.diagnostics.add({
    code: "OUT_OF_RANGE",
    summary: `\`${context.label}\` is ${value}; it must be from ${minimum} to ${maximum}`,
    range: rangeOf(context.span),
  });
}

export function flag(): Shape<boolean> {
  return {
    json: { type: "boolean" },
    read(node, context) {
      if (node.kind === "scalar" && typeof node.value === "boolean") return node.value;
      const word = node.kind === "scalar" ? node.text.toLowerCase() : "";
      const yes = word === "yes" || word === "on";
      const no = word === "no" || word === "off";
      return wrongType(
        node,
        context,
        "`true` or `false`",
        yes || no ? `write \`${yes}\`: in YAML 1.2 \`${word}\` is a text` : undefined,
      );
    },
  };
}

export function choice<const T extends string>(choices: readonly T[]): Shape<T> {
  const known: ReadonlySet<string> = new Set(choices);
  const isChoice = (word: string): word is T => known.has(word);
  return {
    json: { enum: [...choices] },
    read(node, context) {
      const word = node.kind === "scalar" ? node.text : undefined;
      if (node.kind === "scalar" && typeof node.value === "string" && isChoice(node.value)) {
        return node.value;
      }
      if (word === undefined || word === "") {
        return wrongType(node, context, quotedList(choices));
      }
      const near = suggest(word, choices);
      context.diagnostics.add({
        code: "UNKNOWN_VALUE",
        summary: `\`${context.label}\` cannot be \`${shorten(word)}\``,
        remedy: near === undefined
          ? `write ${quotedList(choices)}`
          : `did you mean \`${near}\`? There is ${quotedList(choices, "and")}`,
        range: rangeOf(context.span),
      });
      return undefined;
    },
  };
}

/** A list; entries that cannot be read are reported and left out. */
export function list<T>(
  item: Shape<T>,
  { whenEmpty }: {
    /** What to write instead of an empty list, where one makes no sense. */
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
          ? `write a list: [${shorten(node.text)}]`
          : undefined;
        return wrongType(node, context, "a list", written);
      }
      if (node.items.length === 0 && whenEmpty !== undefined) {
        context.diagnostics.add({
          code: "EMPTY_LIST",
          summary: `\`${shorten(context.label)}\` is an empty list`,
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

/** A map with keys of the user's choice, in their order. */
export function mapOf<T>(item: Shape<T>): Shape<ReadonlyMap<string, Located<T>>> {
  return {
    json: { type: "object", additionalProperties: item.json },
    read(node, context) {
      if (isNothing(node)) return new Map();
      if (node.kind !== "map") return wrongType(node, context, "a map");
      const values = new Map<string, Located<T>>();
      for (const entry of node.entries) {
        const located = readEntry(item, entry, context);
        if (located !== undefined) values.set(entry.key, located);
      }
      return values;
    },
  };
}

const mistakes = new WeakMap<object, ReadonlySet<string>>();

/**
 * Whether a key that was read as absent was probably meant to be there: unreadable, or misspelled. What follows from
 * its absence is then no mistake of its own.
 */
export function isMistaken<R extends object>(read: R, key: keyof R & string): boolean {
  return mistakes.get(read)?.has(key) ?? false;
}

export interface ObjectOptions {
  readonly required?: readonly string[];
  /** Keys that are promised to a later version. */
  readonly reserved?: readonly string[];
}

/** A map with known keys; the others are reported with the one that was probably meant. */
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
        const where = context.label === "" ? "" : ` in \`${shorten(context.label)}\``;
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
  const key = shorten(entry.key);
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
      : `Unknown key \`${key}\` in \`${shorten(context.label)}\``,
    remedy: near === undefined
      ? `the keys here are ${quotedList(keys, "and")}`
      : `did you mean \`${near}\`?`,
    range,
  });
}

/** Texts, numbers and booleans, as the texts Incus stores: `2` is "2", `True` is "true". */
export function incusValue(): Shape<string> {
  return {
    json: { type: ["string", "number", "boolean"] },
    read(node, context) {
      if (node.kind !== "scalar" || node.value === null) {
        return wrongType(
          node,
          context,
          "a text, a number or a boolean",
          'for an empty text write ""',
        );
      }
      if (typeof node.value === "string") {
        return isCleanText(node.value, context) ? node.value : undefined;
      }
      return typeof node.value === "boolean" ? String(node.value) : node.text;
    },
  };
}

/** Any value that JSON knows too. */
export function anyValue(): Shape<Value> {
  return { json: {}, read: readValue };
}

function readValue(node: Node, context: ReadContext): Value | undefined {
  if (node.kind === "list") {
    const values: Value[] = [];
    for (const item of node.items) {
      const value = readValue(item, { ...context, span: complaintSpan(item, context.span) });
      if (value !== undefined) values.push(value);
    }
    return values;
  }
  if (node.kind === "map") {
    const values: [string, Value][] = [];
    for (const { key, keySpan, value: child } of node.entries) {
      const value = readValue(child, { ...context, span: complaintSpan(child, keySpan) });
      if (value !== undefined) values.push([key, value]);
    }
    return Object.fromEntries(values);
  }
  if (typeof node.value === "number") {
    if (Number.isFinite(node.value) && isExact(node.value, node.text)) return node.value;
    context.diagnostics.add({
      code: "INVALID_NUMBER",
      summary: `\`${shorten(node.text)}\` cannot be kept exactly as a number`,
      remedy: `put it in quotes: "${shorten(node.text)}"`,
      range: rangeOf(context.span),
    });
    return undefined;
  }
  if (typeof node.value === "string" && !isCleanText(node.value, context)) return undefined;
  return node.value;
}

function isExact(value: number, text: string): boolean {
  return /[.eE]/.test(text) || Number.isSafeInteger(value);
}

/** A number; also one that `{copy}` was replaced in, where it is text that stands for a number. */
export function numberOf(node: Node): number | undefined {
  if (node.kind !== "scalar") return undefined;
  if (typeof node.value === "number") return node.value;
  if (node.substituted && /^\d{1,9}$/.test(node.text)) return Number(node.text);
  return undefined;
}

export function wrongType(
  node: Node,
  context: ReadContext,
  expected: string,
  remedy?: string,
): undefined {
  const label = `\`${shorten(context.label)}\``;
  const what = context.isEntry ? `An entry of ${label}` : label;
  context.diagnostics.add({
    code: "WRONG_TYPE",
    summary: isNothing(node)
      ? `${what} is empty; it must be ${expected}`
      : `${what} must be ${expected}, not ${describeNode(node)}`,
    ...(remedy === undefined ? {} : { remedy }),
    range: rangeOf(context.span),
  });
}

function isCleanText(value: string, context: ReadContext): boolean {
  if (!value.includes("\0") && value.isWellFormed()) return true;
  context.diagnostics.add({
    code: "INVALID_TEXT",
    summary: `\`${shorten(context.label)}\` holds ${
      value.includes("\0") ? "a NUL character" : "half a surrogate pair"
    }, which no program can store`,
    range: rangeOf(context.span),
  });
  return false;
}

function isNothing(node: Node): boolean {
  return node.kind === "scalar" && node.value === null;
}

/** The value where it is a scalar or in brackets on one line, otherwise its key. */
function complaintSpan(node: Node, keySpan: Span): Span {
  const { source, start, end } = node.span;
  if (start === end) return keySpan;
  const bracketed = source.text[start] === "{" || source.text[start] === "[";
  return isOneLine(node.span) && (node.kind === "scalar" || bracketed) ? node.span : keySpan;
}

function isOneLine({ source, start, end }: Span): boolean {
  return source.position(start).line === source.position(end).line;
}

/** A list's entry that spans lines is pointed at by its first line. */
function firstLineOf(span: Span): Span {
  if (isOneLine(span)) return span;
  const { line, column } = span.source.position(span.start);
  const rest = span.source.line(line).length - column + 1;
  return { ...span, end: span.start + Math.max(0, rest) };
}

/** `a`, `b` or `c` */
export function quotedList(words: readonly string[], conjunction = "or"): string {
  const quoted = words.map((word) => `\`${word}\``);
  const last = quoted.pop() ?? "nothing";
  return quoted.length === 0 ? last : `${quoted.join(", ")} ${conjunction} ${last}`;
}

/** A user's text for a message: one line, no control characters, not too long. */
export function shorten(word: string): string {
  const visible = word.replace(/\p{Cc}/gu, "\uFFFD");
  return visible.length <= 60 ? visible : `${visible.slice(0, 57)}…`;
}

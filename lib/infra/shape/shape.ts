import type { DiagnosticList, Report } from "../../diag/diagnostic_list.ts";
import type { SourceRange } from "../../diag/diagnostic.ts";
import { type Node, rangeOf, type Span } from "../yaml/yaml_tree.ts";

/** A JSON Schema (draft 2020-12), limited to the parts that editors use. */
export interface JsonSchema {
  [keyword: string]: unknown;
}

/** The data that a shape needs while it reads. */
export interface ReadContext {
  readonly diagnostics: DiagnosticList;
  /**
   * The place that a diagnostic about this value points to: its key if the value has several lines.
   */
  readonly span: Span;
  /** The key of the value, as a person would name it: `machines.pro-dev.ip` is `ip`. */
  readonly label: string;
  /** True if the value is an entry of the list with this key. */
  readonly isEntry?: boolean;
}

/**
 * One kind of value: how it is read from YAML, and its JSON Schema. Both are in one place so that
 * they stay the same. `read` returns undefined after it has reported the reason.
 */
export interface Shape<T> {
  read(node: Node, context: ReadContext): T | undefined;
  readonly json: JsonSchema;
}

export type ValueOf<S> = S extends Shape<infer T> ? T : never;

/** A value that was read, with its place. */
export interface Located<T> {
  readonly value: T;
  /** The range of the value, or of its key if the value is a map or a list over several lines. */
  readonly range: SourceRange;
  readonly keyRange: SourceRange;
  /** True if `{copy}` was replaced in it. */
  readonly substituted?: boolean;
}

/** Adds the description that editors show, and the documented default. */
export function described<T>(shape: Shape<T>, description: string, byDefault?: unknown): Shape<T> {
  const json: JsonSchema = { ...shape.json, description };
  if (byDefault !== undefined) json["default"] = byDefault;
  return { read: (node, context) => shape.read(node, context), json };
}

/**
 * Adds a rule to a shape. `check` returns a report without a range, or undefined if the value is
 * valid.
 */
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

/** A value that is read later, with the data that its reader needs. */
export interface Unread {
  readonly node: Node;
  readonly context: ReadContext;
}

/** Delays reading: a domain with copies is read once for each copy. */
export function unread(shape: Shape<unknown>): Shape<Unread> {
  return { json: shape.json, read: (node, context) => ({ node, context }) };
}

import type { DiagnosticList, Report } from "../../diag/diagnostic_list.ts";
import type { SourceRange } from "../../diag/diagnostic.ts";
import { type Node, rangeOf, type Span } from "../yaml/yaml_tree.ts";

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

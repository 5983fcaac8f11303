import type { SourceRange } from "../diag/diagnostic.ts";
import type { DiagnosticList, Report } from "../diag/diagnostic_list.ts";
import { describeNode, type MapEntry, type Node, rangeOf } from "../infra/yaml/yaml_tree.ts";
import { isDnsLabel } from "../infra/shape/names.ts";
import type { Form } from "./lock_forms.ts";

const REMEDY = "restore the file from version control; or delete it, and the next apply " +
  "rebuilds it from the live machines";

/** A value of the file with a name: its key, or the key of the list that it is in. */
export interface Field {
  readonly name: string;
  readonly node: Node;
  /** The place that errors point to: the value, or its key if the value is a map. */
  readonly range: SourceRange;
}

/** Reads the values of a lock. Reports wrong values and returns a harmless value instead. */
export class LockReader {
  readonly #diagnostics: DiagnosticList;
  /**
   * From a value to its holder. The forms of the lock's values do not overlap, so one map is enough
   * for all.
   */
  readonly #holders = new Map<string, string>();
  /**
   * Maps by key, built once: a search for each of 5,000 machines in a list would take quadratic
   * time.
   */
  readonly #entries = new Map<Node, Map<string, MapEntry>>();

  constructor(diagnostics: DiagnosticList) {
    this.#diagnostics = diagnostics;
  }

  report(field: Field | undefined, report: Report): void {
    this.#diagnostics.add(field === undefined ? report : { ...report, range: field.range });
  }

  invalid(field: Field | undefined, summary: string): void {
    this.report(field, { code: "LOCK_INVALID", summary, remedy: REMEDY });
  }

  /** Returns one key of a map; undefined if it is missing. */
  find(field: Field | undefined, key: string): Field | undefined {
    const entry = field === undefined ? undefined : this.#entriesOf(field.node).get(key);
    return entry && fieldOf(entry);
  }

  /** Returns the fields of a map that must have exactly these keys. */
  fields<K extends string>(field: Field, keys: readonly K[]): { [key in K]?: Field } {
    const found: { [key in K]?: Field } = {};
    if (!this.#isMap(field)) return found;
    const entries = this.#entriesOf(field.node);
    const missing: string[] = [];
    for (const key of keys) {
      const entry = entries.get(key);
      if (entry !== undefined) found[key] = fieldOf(entry);
      else missing.push(`\`${key}\``);
    }
    if (missing.length > 0) this.invalid(field, `\`${field.name}\` lacks ${missing.join(", ")}`);
    const known: ReadonlySet<string> = new Set(keys);
    for (const entry of entries.values()) {
      if (!known.has(entry.key)) {
        const at = { ...fieldOf(entry), range: rangeOf(entry.keySpan) };
        this.invalid(at, `\`${entry.key}\` is unknown in \`${field.name}\``);
      }
    }
    return found;
  }

  /** Reads a map with one entry per domain or machine. */
  record<T>(field: Field | undefined, read: (entry: Field) => T): Record<string, T> {
    if (field === undefined || !this.#isMap(field)) return {};
    const entries = [...this.#entriesOf(field.node).values()].map(fieldOf);
    for (const entry of entries) {
      if (!isDnsLabel(entry.name)) this.invalid(entry, `\`${entry.name}\` cannot be a name`);
    }
    return Object.fromEntries(entries.map((entry) => [entry.name, read(entry)]));
  }

  list(field: Field | undefined, form: Form): string[] {
    if (field === undefined) return [];
    if (field.node.kind !== "list") {
      this.invalid(field, `\`${field.name}\` is a list, not ${describeNode(field.node)}`);
      return [];
    }
    return field.node.items.map((node) =>
      this.text({ name: field.name, node, range: rangeOf(node.span) }, form)
    );
  }

  text(field: Field | undefined, form: Form): string {
    if (field === undefined) return "";
    const { node } = field;
    if (node.kind === "scalar" && node.value !== null && form.test(node.text)) return node.text;
    this.invalid(field, `\`${field.name}\` is ${form.what}, not ${shown(node)}`);
    return "";
  }

  /** Reads a text that must be unique in the file. */
  unique(field: Field | undefined, form: Form, holder: string): string {
    const text = this.text(field, form);
    if (text === "") return text;
    const other = this.#holders.get(text);
    if (other === undefined) this.#holders.set(text, holder);
    else {
      this.report(field, {
        code: "LOCK_DUPLICATE",
        summary: `${text} is assigned to both \`${other}\` and \`${holder}\``,
        detail: "merging two branches can cause this",
        remedy: "remove the later one (a domain with its machines): it will get new addresses",
      });
    }
    return text;
  }

  #isMap(field: Field): boolean {
    if (field.node.kind === "map") return true;
    this.invalid(field, `\`${field.name}\` is a map, not ${describeNode(field.node)}`);
    return false;
  }

  #entriesOf(node: Node): ReadonlyMap<string, MapEntry> {
    let entries = this.#entries.get(node);
    if (entries === undefined) {
      entries = new Map(
        node.kind === "map" ? node.entries.map((entry) => [entry.key, entry]) : [],
      );
      this.#entries.set(node, entries);
    }
    return entries;
  }
}

function fieldOf(entry: MapEntry): Field {
  const { key, keySpan, value } = entry;
  return {
    name: key,
    node: value,
    range: rangeOf(
      value.kind === "scalar" && value.span.end > value.span.start ? value.span : keySpan,
    ),
  };
}

function shown(node: Node): string {
  if (node.kind !== "scalar" || node.value === null) return describeNode(node);
  return `\`${node.text.length > 60 ? `${node.text.slice(0, 60)}…` : node.text}\``;
}

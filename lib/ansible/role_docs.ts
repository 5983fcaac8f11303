import { parse } from "yaml";

/** A variable that a role takes. */
export interface RoleVariable {
  readonly name: string;
  /** `str`, `list of str`, … */
  readonly type: string;
  readonly required: boolean;
  /** As defaults/main.yml has it, on one line; undefined: it has none. */
  readonly fallback: string | undefined;
  readonly description: readonly string[];
}

/** What a role says of itself to a machine: `meta/argument_specs.yml` and `defaults/main.yml`. */
export interface RoleDocs {
  readonly description: readonly string[];
  readonly variables: readonly RoleVariable[];
}

/** Reads both files; undefined where there are no argument specs that can be read. */
export function parseRoleDocs(
  specs: string | undefined,
  defaults: string | undefined,
): RoleDocs | undefined {
  const main = child(child(read(specs), "argument_specs"), "main");
  if (main === undefined) return undefined;
  const fallbacks = read(defaults);
  const variables = Object.entries(child(main, "options") ?? {}).map(([name, raw]) => {
    const option = record(raw) ?? {};
    const fallback = fallbacks?.[name] ?? option["default"];
    const elements = option["elements"] === undefined ? "" : ` of ${option["elements"]}`;
    return {
      name,
      type: `${option["type"] ?? "str"}${elements}`,
      required: option["required"] === true,
      fallback: fallback === undefined ? undefined : oneLine(fallback),
      description: sentences(option["description"]),
    };
  });
  const description = sentences(main["description"] ?? main["short_description"]);
  return { description, variables };
}

type DocFields = Readonly<Record<string, unknown>>;

function read(text: string | undefined): DocFields | undefined {
  try {
    return record(parse(text ?? "", { version: "1.1", logLevel: "silent" }));
  } catch {
    return undefined;
  }
}

function record(value: unknown): DocFields | undefined {
  const isMap = typeof value === "object" && value !== null && !Array.isArray(value);
  return isMap ? value as DocFields : undefined;
}

function child(value: DocFields | undefined, name: string): DocFields | undefined {
  return record(value?.[name]);
}

/** Texts without Ansible's markup: `C(x)` is `x`. */
function sentences(value: unknown): string[] {
  const texts = Array.isArray(value) ? value : value === undefined ? [] : [value];
  return texts.map((text) => String(text).replace(/\b[A-Z]\(([^)]*)\)/g, "$1").trim());
}

function oneLine(value: unknown): string {
  const text = typeof value === "string" && value !== "" ? value : JSON.stringify(value);
  return text.replace(/\s+/g, " ").trim();
}

import { parse } from "yaml";

/** A variable that a role takes. */
interface RoleVariable {
  readonly name: string;
  /** `str`, `list of str`, … */
  readonly type: string;
  readonly required: boolean;
  /** The value of defaults/main.yml on one line; undefined: none. */
  readonly fallback: string | undefined;
  readonly description: readonly string[];
}

/** A role's documentation: `meta/argument_specs.yml` and `defaults/main.yml`. */
export interface RoleDocs {
  readonly description: readonly string[];
  readonly variables: readonly RoleVariable[];
}

/** Reads both files; undefined without readable argument specs. */
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

/** Returns texts without Ansible's markup: `C(x)` becomes `x`. */
function sentences(value: unknown): string[] {
  const texts = Array.isArray(value) ? value : value === undefined ? [] : [value];
  return texts.map((text) => String(text).replace(/\b[A-Z]\(([^)]*)\)/g, "$1").trim());
}

function oneLine(value: unknown): string {
  const text = typeof value === "string" && value !== "" ? value : JSON.stringify(value);
  return text.replace(/\s+/g, " ").trim();
}

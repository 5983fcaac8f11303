import type { DiagnosticList } from "../../diag/diagnostic_list.ts";
import { type Variable, WholeFloat } from "../infra.ts";
import type { Problem } from "../shape/names.ts";
import { reservedName } from "./reserved_variables.ts";
import type { Located } from "../shape/shape.ts";
import { shortenName } from "../words.ts";

/**
 * Returns the variables of a machine without their places. Reports names that Ansible or anklume
 * cannot use.
 */
export function checkVariables(
  variables: ReadonlyMap<string, Located<Variable>> | undefined,
  diagnostics: DiagnosticList,
): Record<string, Variable> {
  for (const [name, value] of variables ?? []) {
    const problem = variableProblem(name);
    if (problem !== undefined) diagnostics.add({ ...problem, range: value.keyRange });
    if (holdsTemplate(value.value)) {
      diagnostics.add({
        severity: "warning",
        code: "TEMPLATE_IN_VARS",
        summary: `\`${
          shortenName(name)
        }\` contains a template, which is not evaluated: these values are literal`,
        remedy: "write templates below the managed section of host_vars, or in a role",
        range: value.range,
      });
    }
  }
  return Object.fromEntries([...variables ?? []].map(([name, { value }]) => [name, value]));
}

function variableProblem(name: string): Problem | undefined {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
    return {
      code: "INVALID_VARIABLE",
      summary: `\`${shortenName(name)}\` cannot be the name of an Ansible variable`,
      detail: "it has letters, digits and `_`, and does not start with a digit",
    };
  }
  const elsewhere = `choose another name, such as \`app_${name}\``;
  switch (reservedName(name)) {
    case "steers":
      return {
        code: "RESERVED_VARIABLE",
        summary: `\`${name}\` tells Ansible where and how to run roles, but anklume decides that`,
        detail: "with such a variable a role could run in another machine, or on the host",
        remedy: "remove it: anklume sets how Ansible reaches a machine",
      };
    case "reserved":
      return {
        code: "RESERVED_VARIABLE",
        summary: `\`${name}\` is reserved by Ansible: a role would not see this value`,
        remedy: elsewhere,
      };
    case "template":
      return {
        code: "RESERVED_VARIABLE",
        summary: `\`${name}\` has another meaning in every template`,
        remedy: elsewhere,
      };
    case "keyword":
      return {
        code: "INVALID_VARIABLE",
        summary: `\`${name}\` cannot be the name of an Ansible variable`,
        detail: "it is a keyword of Python or of the template language",
        remedy: elsewhere,
      };
    case undefined:
      return undefined;
  }
}

/** Keys are checked too: a role that iterates over a map reads its keys as values. */
function holdsTemplate(value: Variable): boolean {
  if (typeof value === "string") return /\{[{%#]/.test(value);
  if (value === null || typeof value !== "object" || value instanceof WholeFloat) return false;
  if (Array.isArray(value)) return value.some(holdsTemplate);
  return Object.entries(value).some(([key, each]) => holdsTemplate(key) || holdsTemplate(each));
}
